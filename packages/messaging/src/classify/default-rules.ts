/** Words that speak for a category. */
export interface ClassifierRule {
  readonly category: string;
  /** Lower-case words or phrases; a `*` at the end matches any ending. */
  readonly terms: readonly string[];
  /** What each match counts. @defaultValue 1 */
  readonly weight?: number;
}

/** Terms with commas between; phrases may go on in the next line. */
const list = (terms: string): string[] =>
  terms.split(',').map((term) => term.trim().replace(/\s+/g, ' '));

/** The words that `ruleClassifier()` knows. */
export const defaultRules: readonly ClassifierRule[] = [
  {
    category: 'ESCALATE_TO_HUMAN',
    weight: 3,
    terms: list(`
      human, real person, live agent, operator, talk to someone, speak to someone, speak to a
      person, talk to a person, representative, manager, complain*, customer service, оператор*,
      живого человека, с человеком, менеджер*, жалоб*, пожаловаться, специалист*, живої людини, з
      людиною, скарг*, поскаржитися, спеціаліст*, фахівц*, фахівець`),
  },
  {
    category: 'FRAUD',
    weight: 3,
    terms: list(`
      fraud*, scam*, stolen, hacked, did not make this, didn't make this, unauthorised,
      unauthorized, don't recognise, don't recognize, do not recognise, do not recognize,
      compromised, phishing, мошенник*, мошеннич*, украли, взломали, не совершал*, обманули,
      шахра*, вкрали, зламали, не здійснював*, ошукали`),
  },
  {
    category: 'MASS_OUTAGE',
    weight: 2,
    terms: list(`
      outage*, whole building, whole street, everyone in, all my neighbours, all my neighbors,
      entire area, no internet in the, neighbours too, neighbors too, whole district, down for
      everyone, авари*, во всем доме, во всём доме, у соседей тоже, на всей улице, весь район, у
      всех, аварі*, у всьому будинку, у сусідів теж, на всій вулиці, увесь район, у всіх`),
  },
  {
    category: 'TECH_SUPPORT_BASIC',
    weight: 2,
    terms: list(`
      not working, doesn't work, does not work, isn't working, won't load, won't open, crash*,
      error, errors, internet, wifi, wi-fi, router, modem, connection, offline, slow, freez*,
      frozen, bug, no signal, blinks, black screen, blank screen, stopped working, app keeps, не
      работает, не загружа*, не открыва*, ошибк*, интернет*, роутер*, модем*, вайфай, завис*,
      тормозит, медленн*, нет связи, нет сигнала, вылета*, скорость, пропал*, не працює, не
      завантажу*, не відкрива*, помилк*, інтернет*, повільн*, нема зв*, немає зв*, немає сигналу,
      гальмує, вилітає, швидкість, зник*`),
  },
  {
    category: 'BILLING',
    weight: 2,
    terms: list(`
      bill, bills, billing, invoice*, charged, charge, charges, fee, fees, refund*, price*,
      expensive, tariff*, subscription*, overcharged, exchange rate, statement, receipt, счёт*,
      счет, счета, квитанц*, списали, списан*, вернит*, возврат*, тариф*, дорого, комисси*,
      подписк*, стоит, стоимость, рахун*, квитанці*, списали, поверн*, комісі*, підписк*, коштує,
      вартість`),
  },
  {
    category: 'PAYMENT',
    weight: 2,
    terms: list(`
      transfer*, payment*, pay, paid, deposit*, top up, top-up, topping up, topped up, withdraw*,
      cash, atm, pending, beneficiary, direct debit, money, balance, iban, cheque*, перевод*,
      перевест*, платёж*, платеж*, оплат*, пополн*, деньги, денег, банкомат*, баланс*, переказ*,
      переказат*, платіж*, поповн*, гроші, грошей`),
  },
  {
    category: 'CARD',
    weight: 2,
    terms: list(`
      card, cards, visa, mastercard, contactless, virtual card, pin, apple pay, google pay, карт*,
      пин-код*, пинкод*, картк*, пін-код*, пінкод*`),
  },
  {
    category: 'ACCOUNT_ACCESS',
    weight: 2,
    terms: list(`
      password*, passcode*, log in, login, log into, sign in, locked out, account, verify,
      verification, identity, personal details, phone number, two-factor, passport, profile, my
      address, парол*, войти, вход, личный кабинет, личном кабинете, аккаунт*, учётн*, учетн*,
      логин*, подтвержд*, увійти, вхід, особистий кабінет, особистому кабінеті, акаунт*, обліков*,
      логін*, підтвердж*`),
  },
  {
    category: 'ORDER',
    weight: 2,
    terms: list(`
      order, orders, delivery, deliver, delivered, arrive*, arriving, parcel*, package, tracking,
      track, courier*, technician*, заказ*, доставк*, посылк*, курьер*, мастер*, привез*,
      замовлен*, посилк*, кур'єр*, майстер*, привез*`),
  },
  {
    category: 'GREETING',
    weight: 1,
    terms: list(`
      hello, hi, hey, good morning, good afternoon, good evening, здравствуйте, привет, добрый
      день, доброе утро, добрый вечер, вітаю, привіт, добрий день, доброго дня, добрий вечір,
      добрий ранок, доброго ранку`),
  },
  {
    category: 'THANKS',
    weight: 1.5,
    terms: list(`
      thanks, thank you, спасибо, благодарю, дякую, thx`),
  },
];
