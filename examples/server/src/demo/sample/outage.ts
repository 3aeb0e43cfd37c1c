/** One district goes dark: different customers within seconds, one message a line. */
export const outage = `
No internet in the whole building since 18:02
internet down again, Harbour Street
Is there an outage? Nothing works here
Connection lost five minutes ago, neighbours too
Hello, my router has no signal, Harbour Street 14
Пропал интернет во всём доме
интернета нет, у соседей тоже
Что случилось? Связи нет уже 5 минут
Нет интернета на Портовой, 8
Роутер горит красным, ничего не работает
Зник інтернет в усьому будинку
інтернету нема, у сусідів теж
Що сталося? Зв'язку немає вже 5 хвилин
Немає інтернету на Портовій, 10
no connection, no tv, no phone. Harbour district
Everything went offline at once at 18:02
internet???
Wifi is up but there is no internet, same at my neighbour's
Опять авария? Весь дом без интернета
Не работает интернет и телевидение, Портовая 12
Знову аварія? Увесь район без інтернету
Не працює інтернет і телебачення
We are a pharmacy on Harbour Street, no internet, cards cannot be read. Please hurry!
Any news on the outage? When will it be back?
offline here as well
Когда починят интернет на Портовой?
`;
