"""The words of turns that name no subject, by kind and of all languages together; see `bare.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from proxy.routing.reading.tongue import said

NEVER = "(?!)"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of such turns. What is written without spaces between words has patterns in place of words."""

    tells: frozenset[str]
    """Of these a turn holds one at least."""
    fills: frozenset[str]
    """All else that it may hold."""
    han_tells: str
    han_fills: str
    points: frozenset[str] = frozenset()
    """Where there are any, it holds one of them too: what the turn is about was said before."""
    han_points: str = NEVER
    told_in_han: re.Pattern[str] = field(init=False)
    pointed_in_han: re.Pattern[str] = field(init=False)
    in_han: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "told_in_han", re.compile(self.han_tells))
        object.__setattr__(self, "pointed_in_han", re.compile(self.han_points))
        object.__setattr__(self, "in_han", re.compile(f"{self.han_tells}|{self.han_points}|{self.han_fills}"))

    def holds(self, word: str) -> bool:
        """Whether a turn of this kind may hold a word; small numbers always."""
        return word in self.fills or word in self.tells or word in self.points or (len(word) < 3 and word.isdigit())


_POLITE = said("""
    please pls plz bitte s il te vous plaît plait svp stp por favor per piacere alsjeblieft alstublieft aub graag lütfen пожалуйста
    can could would will you kannst könntest können du sie peux peut pouvez pourrais pourriez tu puedes puede podrías podría puoi può
    potresti potrebbe pode podes poderia kun kan kunt je u misin mısın misiniz mısınız можешь можете мог могли бы ты вы
    me mir moi mi mij bana мне
    """)

_LANGUAGES = said("""
    english german french spanish italian portuguese dutch turkish russian chinese mandarin japanese korean arabic hindi polish swedish
    danish norwegian finnish greek czech ukrainian hungarian romanian hebrew vietnamese
    englisch deutsch französisch spanisch italienisch portugiesisch niederländisch holländisch türkisch russisch chinesisch japanisch
    koreanisch arabisch polnisch schwedisch dänisch norwegisch finnisch griechisch tschechisch ukrainisch ungarisch rumänisch
    anglais allemand français espagnol italien portugais néerlandais turc russe chinois japonais coréen arabe polonais grec
    inglés ingles alemán aleman francés frances español espanol castellano italiano portugués neerlandés holandés turco ruso chino
    japonés coreano árabe polaco griego
    inglese tedesco francese spagnolo portoghese olandese russo cinese giapponese arabo polacco greco
    inglês alemão francês espanhol português portugues holandês chinês japonês polonês
    engels duits frans spaans italiaans portugees nederlands turks chinees japans arabisch pools grieks
    ingilizce almanca fransızca ispanyolca italyanca portekizce hollandaca felemenkçe türkçe turkce rusça çince japonca arapça
    ingilizceye almancaya fransızcaya ispanyolcaya italyancaya türkçeye rusçaya çinceye
    английски английский английском немецки немецкий немецком французски французский французском испански испанский испанском
    итальянски итальянский итальянском португальски португальский португальском голландски нидерландски нидерландский турецки
    турецкий турецком русски русский русском китайски китайский китайском японски японский японском украински украинский
    """)

IN_ANOTHER_LANGUAGE = Kind(
    tells=_LANGUAGES,
    fills=_POLITE
    | said("""
        explain say write answer reply respond repeat translate tell give speak talk switch continue show put use describe rephrase
        summarise summarize it this that them the last previous your response text everything all to in into now again only both and
        also from instead back language version i d like prefer same thing once more but
        erklären erkläre erklär sagen sag schreiben schreib schreibe antworte antworten übersetzen übersetze übersetz wiederhole
        wiederholen sprich sprechen wechsle mach weiter das es dies alles nochmal noch mal einmal auf in ins jetzt die der den deine
        antwort und auch nur lieber zu
        expliquer explique expliquez dire dis dites écrire écris écrivez répondre réponds répondez traduire traduis traduisez répéter
        répète répétez parle parlez le la les l ça cela ce en maintenant merci tout ta votre réponse de et aussi
        explicar explicarlo explicármelo explicarme explícalo explícamelo explica decir decirlo dímelo dilo escribir escríbelo escribe
        responde responder contesta traduce traducir tradúcelo traducirlo repite repítelo hablar habla al el lo ahora todo esto eso tu
        respuesta y también
        spiegare spiegarlo spiegarmelo spiegarmi spiegamelo spiega dirlo dillo dimmelo scrivere scrivilo scrivi rispondi rispondere
        traduci traducilo tradurre tradurlo ripeti ripetilo parla parlare ora adesso tutto questo quello il risposta e anche
        explique isso isto diga dizer escreva escrever escreve responda traduz traduza traduzir repete repita fale falar em para o a os
        agora tudo resposta sua também
        dat dit het uitleggen leg uit zeggen zeg schrijven schrijf antwoord antwoorden vertaal vertalen herhaal herhalen praat naar nu
        nog eens een keer opnieuw even
        bunu şunu onu açıkla açıklar açıklayabilir açıklayın söyle söyler yaz yazar yanıtla cevapla cevap ver verir çevir çevirir
        çevirebilir tekrar olarak şimdi hepsini dilinde anlat anlatır anlatabilir konuş
        это объяснить объясни объясните сказать скажи скажите написать напиши напишите ответить ответь ответьте отвечай отвечайте
        перевести переведи переведите повтори повторите говори говорите на по теперь всё все давай ответ текст языке язык то же самое
        ещё еще раз и
        """),
    han_tells="英语|英文|德语|德文|法语|法文|西班牙语|意大利语|葡萄牙语|荷兰语|土耳其语|俄语|俄文|中文|汉语|普通话|日语|日文|韩语|阿拉伯语",
    han_fills="解释|回答|回复|翻译|能不能|可以|谢谢|现在|全部|一下|一遍|一次|这个|那个|上面|答案|[请你您能用说写成为再吗它这那把改换给我都来讲吧下的]",
)
"""`Kannst du das auf Deutsch erklären?`"""

OF_THE_CHAT = Kind(
    tells=said("""
        chat conversation discussion dialogue discussed talked talk
        gespräch gesprächs unterhaltung diskussion besprochen geredet gesprochen
        échange échanges discuté parlé conversación charla hablado hablamos discutido conversazione discussione discusso parlato
        conversa discussão conversamos falamos discutimos gesprek conversatie discussie besproken gepraat
        sohbet sohbeti sohbetin sohbetimizi konuşmayı konuşmamızı konuştuk konuştuklarımızı
        чат чата разговор разговора беседа беседу беседы диалог диалога переписку обсуждали обсудили
        """),
    fills=_POLITE
    | said("""
        summarise summarize summary sum up recap of our this the whole entire so far until now what did we have been about give us a
        short brief quick briefly in few words sentences bullet points one two three key main takeaways write make list everything all
        title for
        fasse fass zusammen zusammenfassen zusammenfassung unser unsere unseren unserem unserer dieses diese dieser das ganze ganzen
        gesamte bisher bisherige bisherigen kurz was haben wir worüber mal von den der die drei sätzen stichpunkten eine gib schreib
        résume résumé résumer résumez fais un notre nos cette la le toute de quoi avons nous jusqu ici à présent bref on a dont
        resume resumir resumen resúmeme haz nuestra nuestro esta este toda qué que hemos hasta ahora nos breve un el lo
        riassumi riassumere riassunto riassumimi fai nostra nostro questa tutta di cosa abbiamo finora
        resuma resumo faça nossa nosso essa sobre o até agora uma
        vat samen samenvatten samenvatting ons onze dit het hele tot nu toe wat hebben we waarover kort van een geef maak
        özetle özetler özeti özet özetini şimdiye kadar ne neler hakkında bu kısaca çıkar
        подведи итог итоги кратко резюме сделай резюмируй перескажи суммируй наш нашего нашу нашей этот весь всю о чём чем мы что до сих
        пор
        """),
    han_tells="聊天|对话|谈话|聊了|讨论",
    points=said("""
        our this the we us unser unsere unseren unserem unserer dieses diese dieser das der die wir haben
        notre nos cette la le avons on nuestra nuestro esta hemos hablamos nostra nostro questa abbiamo
        nossa nosso essa resuma conversamos falamos discutimos ons onze dit het we sohbeti sohbetin sohbetimizi konuşmayı konuşmamızı konuştuk
        konuştuklarımızı наш нашего нашу нашей этот мы разговора беседы диалога переписку
        """),
    han_points="我们|总结|概括|[这我]",
    han_fills="一下|刚才|到目前为止|内容|什么|整个|[的次个请都帮你能吗把说了]",
)
"""`Summarise our chat`"""

TO_GO_ON_BY = Kind(
    tells=said("""
        k kk ok okay thx thanks thank ty cool great nice perfect awesome understood understand follow got confused continue proceed tldr
        tl shorter longer simpler briefer option former latter hm hmm huh yep alright
        danke dankeschön dank prima klasse klar verstehe verstanden kapiert weiter kürzer länger einfacher ausführlicher genauer nochmal
        variante möglichkeit
        merci accord parfait génial compris comprends suite court courte bref numéro
        gracias vale perfecto genial entiendo entendí entendido comprendo continúa sigue corto corta breve opción
        grazie perfetto capisco capito continua prosegui avanti opzione semplice
        obrigado obrigada valeu perfeito entendi entendo compreendo curto curta opção
        bedankt dankjewel oké snap begrijp begreep verder korter langer simpeler eenvoudiger optie
        teşekkürler teşekkür sağol tamam anladım anlamadım anlaşıldı devam kısa kısaca seçenek
        спасибо спс ок окей ладно понял поняла понятно понимаю дальше продолжай продолжи короче подробнее проще вариант
        """),
    fills=_POLITE
    | said("""
        i we t don do didn did not it that this the still see so very much a lot bit little on go ahead keep going am m ll take choose
        pick with let go for again dr number one two three first second third last more good
        ich das nicht es habe hab noch etwas ein bisschen vielen viel die der den nehme nimm mach und so sehr dir ihnen alles gut super
        erste zweite dritte letzte erklärung antwort
        je n ne pas ai j l la le les beaucoup un peu très bien c est ça prends va vas y de d plus première premier deuxième seconde simple
        no lo muchas más poco muy bien la el con elijo eso todo claro he primera segunda tercera
        non ho più po mille molte il va bene di scelgo prendo prima seconda terza numero
        não muito mais um pouco o e bem isso fico com escolho primeira número
        ik het niet wel ga iets een beetje meer de die neem doe maar dat eerste tweede derde nummer
        et ederim eder edin daha çok bunu biraz olsun ve birinci ikinci üçüncü numara
        не я это большое ещё еще немного чуть беру а первый второй третий номер
        b
        """),
    han_tells="谢谢|感谢|好的|明白|知道了|懂|继续|短一点|简短|更短|选项|第[一二三四五]个|太好了",
    han_fills="一点|这个|非常|[我不没请了的吗再说它选吧啊多很更你]",
)
"""`k thx`, `weiter`, `I don't understand`, `option 2`"""

IN_ANOTHER_FORM = Kind(
    tells=said("""
        poem haiku limerick song rap story table list email letter tweet bullets bullet essay dialogue json csv yaml markdown html latex
        python javascript typescript java rust ruby
        gedicht lied geschichte tabelle liste brief mail stichpunkte stichpunkten aufsatz poème chanson histoire tableau lettre
        poema canción historia tabla lista carta cuento poesia canzone storia tabella lettera canção história tabela
        lied verhaal tabel lijst şiir şiire hikaye tablo liste mektup стих стихи стихотворение стихотворения стихах таблицу таблицы
        список списка письмо письма
        """),
    fills=_POLITE
    | said("""
        write rewrite put make turn convert give format show as into in a an like of points point the form now for
        schreib schreibe schreiben mach mache bring pack setz gib als ein eine einen einem in eine der form von um
        écris écrivez mets mettez fais transforme sous forme de d un une en comme
        escribe pon haz convierte como un una en forma scrivi metti fai trasforma come in di uma escreva ponha transforme coloque em
        schrijf zet maak om een de vorm van naar yaz yap çevir dönüştür olarak bir şeklinde
        напиши запиши сделай преврати оформи в виде как форме из
        """),
    han_tells="诗|故事|表格|列表|邮件|信|歌",
    han_fills="一首|一个|一封|一下|形式|[请把用写成为改做你能吗的给我以]",
    points=said("""
        it this that them everything es das dies alles ça cela le eso esto lo escríbelo ponlo hazlo conviértelo questo scrivilo mettilo
        trasformalo isso isto dat dit het bunu onu şunu это его
        """),
    han_points="它|这个|这些|那个",
)
"""`Write it as a poem`"""

KINDS = (IN_ANOTHER_LANGUAGE, OF_THE_CHAT, TO_GO_ON_BY, IN_ANOTHER_FORM)
