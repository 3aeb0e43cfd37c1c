import type { Template } from '../types.js';

type Texts = Readonly<Record<string, readonly [en: string, ru: string, uk: string]>>;

const TEXTS: Texts = {
  greeting: [
    'Hello! Thank you for writing to us.',
    'Здравствуйте! Спасибо, что написали нам.',
    'Вітаємо! Дякуємо, що написали нам.',
  ],
  how_to_help: [
    'How can we help you? Please describe your question in a few words.',
    'Чем мы можем помочь? Опишите, пожалуйста, ваш вопрос в нескольких словах.',
    'Чим ми можемо допомогти? Опишіть, будь ласка, ваше питання кількома словами.',
  ],
  thanks: [
    'You are welcome! Write to us whenever you need help.',
    'Пожалуйста! Пишите нам, если понадобится помощь.',
    'Будь ласка! Пишіть нам, якщо знадобиться допомога.',
  ],
  tech_support_basic: [
    'Please restart the device and send us a screenshot or a photo of what you see: it helps us find the cause faster.',
    'Перезагрузите, пожалуйста, устройство и пришлите снимок экрана или фото того, что вы видите: так мы быстрее найдём причину.',
    'Перезавантажте, будь ласка, пристрій і надішліть знімок екрана або фото того, що ви бачите: так ми швидше знайдемо причину.',
  ],
  mass_outage: [
    'We know of a fault in your area and are working on it. There is nothing you need to do; we will write when it is repaired.',
    'Мы знаем о неполадке в вашем районе и уже устраняем её. От вас ничего не требуется; мы напишем, когда всё заработает.',
    'Ми знаємо про несправність у вашому районі й уже усуваємо її. Від вас нічого не потрібно; ми напишемо, коли все запрацює.',
  ],
  billing: [
    'You find every charge with its date and reason in your account under "Payments". Tell us the date and the amount, and we will check it.',
    'Все списания с датой и причиной видны в личном кабинете в разделе «Платежи». Напишите дату и сумму, и мы проверим.',
    'Усі списання з датою та причиною видно в особистому кабінеті в розділі «Платежі». Напишіть дату й суму, і ми перевіримо.',
  ],
  payment: [
    'Payments and transfers usually arrive within one working day. Tell us the date and the amount if yours took longer.',
    'Платежи и переводы обычно приходят в течение одного рабочего дня. Если ваш задержался, напишите дату и сумму.',
    'Платежі та перекази зазвичай надходять протягом одного робочого дня. Якщо ваш затримався, напишіть дату й суму.',
  ],
  card: [
    'You can order, activate, freeze and replace a card in your account under "Cards". Tell us if something there does not work.',
    'Заказать, активировать, заблокировать и перевыпустить карту можно в личном кабинете в разделе «Карты». Напишите, если что-то не получается.',
    'Замовити, активувати, заблокувати та перевипустити картку можна в особистому кабінеті в розділі «Картки». Напишіть, якщо щось не виходить.',
  ],
  account_access: [
    'Choose "Forgotten password" on the sign-in page to set a new one. We never ask for your password or a code from a text message.',
    'Нажмите «Забыли пароль» на странице входа, чтобы задать новый. Мы никогда не спрашиваем пароль и код из SMS.',
    'Натисніть «Забули пароль» на сторінці входу, щоб задати новий. Ми ніколи не питаємо пароль і код із SMS.',
  ],
  order: [
    'You see where your order is in your account under "Orders". Tell us its number if the date has passed.',
    'Где находится заказ, видно в личном кабинете в разделе «Заказы». Напишите его номер, если срок прошёл.',
    'Де перебуває замовлення, видно в особистому кабінеті в розділі «Замовлення». Напишіть його номер, якщо термін минув.',
  ],
  fraud: [
    'We take this seriously: a colleague will look at it first. Please freeze your card in your account now and tell nobody any codes.',
    'Мы относимся к этому серьёзно: коллега займётся этим в первую очередь. Заблокируйте карту в личном кабинете и никому не сообщайте коды.',
    'Ми ставимося до цього серйозно: колега займеться цим насамперед. Заблокуйте картку в особистому кабінеті й нікому не повідомляйте коди.',
  ],
  escalation: [
    'A colleague will read your message and answer you personally.',
    'Коллега прочитает ваше сообщение и ответит вам лично.',
    'Колега прочитає ваше повідомлення та відповість вам особисто.',
  ],
  fallback: [
    'We are not sure that we understood you. Could you say it in other words, please?',
    'Мы не уверены, что правильно поняли вас. Напишите, пожалуйста, другими словами.',
    'Ми не впевнені, що правильно зрозуміли вас. Напишіть, будь ласка, іншими словами.',
  ],
};

const LOCALES = ['en', 'ru', 'uk'] as const;

/** The texts that `init()` writes where they are missing: every default scenario in English, Russian and Ukrainian. */
export const defaultTemplates: readonly Template[] = Object.entries(TEXTS).flatMap(([key, texts]) =>
  LOCALES.map((locale, i) => ({ key, locale, body: texts[i] ?? '' })),
);
