/** One message of a customer a line. */
export const english = `
Hi there!
Good morning, is anybody around?
hello
Hey, quick question about my account
My internet has been slow since yesterday evening, pages take a minute to open
The router blinks orange and there is no connection at all
wifi works on my phone but not on the laptop. what now
The app keeps crashing when I open the statements page
I get "error 1043" every time I try to log in on the tablet
TV box shows a black screen with a spinning circle, I restarted it twice
Video calls freeze every few minutes, everything else is ok
Your website doesn't load in Safari, Chrome is fine
The modem was replaced on Tuesday and the speed got worse, 12 Mbit instead of 100
Why was I charged twice this month?
My bill went up by 4.90 and nobody told me
Can I get an invoice with my company's VAT number on it?
I cancelled in March but you took another payment in April. Please refund it.
How do I switch to paperless bills?
what does "service fee 1.50" on my bill mean
Is there a discount if I pay for a whole year?
My new card still has not arrived, it has been nine days
I left my card in a taxi, please block it NOW
The machine swallowed my card outside the station
Contactless does not work in any shop since this morning
Someone bought shoes with my card in a city I have never been to
Can I have a second card for my daughter?
How long does a transfer to another bank take?
I sent money to the wrong account number, can it be stopped?
A cash withdrawal shows as pending although the machine gave me nothing
I forgot my password and the reset mail never comes
The code from the text message is always "expired"
I changed my phone number and can no longer get in
Please delete my account and everything you keep about me
My account is locked, I only mistyped the PIN twice
How do I turn on two-factor login?
I want to talk to a human
Could a real person please call me back? I am at home after six.
This is the third time I write. Get me your manager.
operator
I would like to make a formal complaint about the technician who came on Friday
asdfgh
???
👍
42
Do you also deliver pizza
thanks, it works again, you were very quick!
What are your opening hours on Sunday?
`;
