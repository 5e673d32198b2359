"""Languages other than English that a turn may be written in: how each is told, its commonest words, and its cues.

Weights were fitted on English alone. A cue found by the words of another language means the same to them, so a few phrases a language
carry over much of what was learned. The names of cues are those of `cues.py`; what a language leaves out is never found in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language."""

    stop: frozenset[str]
    """Words that are in every conversation; a text is in the language that has most of its words."""
    stem: int
    """Letters of a word that tell it from others: endings and compounds lie behind them."""
    opens: Mapping[str, str]
    """Alternatives of a regular expression at the head of a turn, by cue."""
    holds: Mapping[str, str]
    """The same anywhere in it."""
    spaced: bool = True
    """Words have spaces between them."""


HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]{1,2}\b)?", re.UNICODE)
_PLAIN_WORD = re.compile(r"[a-z]+(?:'[a-z]{1,2}\b)?")
"""The same in lower-case ASCII, in half the time."""
_HEAD = 600
"""Characters that a language is told from."""


def said(words: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(words.split())


@lru_cache(maxsize=64)
def tongue_of(text: str) -> str | None:
    """The language of a text by its script and its commonest words; `None` is English, and whatever is not told."""
    head = text[:_HEAD].lower().replace("\u2019", "'")
    is_ascii = head.isascii()
    if not is_ascii and (script := _told_by_script(head)) is not None:
        return script
    found = [word for word in (_PLAIN_WORD if is_ascii else _WORD).findall(head) if len(word) > 1]
    counts = dict.fromkeys(_TOLD_BY, 0)
    for word in found:
        for name in _HELD_BY.get(word, ()):
            counts[name] += 1
    if not is_ascii:
        for name, letters_of in _LETTERS.items():
            counts[name] += 2 * any(letter in head for letter in letters_of)
    best = max(counts, key=lambda name: (counts[name], name == "en"))
    sure = counts[best] > counts["en"] and counts[best] >= min(2, len(found))
    return best if sure and best != "en" else None


def _told_by_script(head: str) -> str | None:
    letters = max(1, sum(map(str.isalpha, head)))
    if 4 * sum(1 for _ in HAN.finditer(head)) > letters:
        return "zh"
    return "ru" if 2 * sum(1 for _ in _CYRILLIC.finditer(head)) > letters else None


TONGUES: Mapping[str, Tongue] = {
    "de": Tongue(
        stop=said("""
            der die das den dem des ein eine einen einem einer eines und oder aber nicht auch noch nur schon sehr so wie was wer wo wann
            warum welche welcher welches ich du er sie es wir ihr mich mir dich dir ihn ihm uns euch ihnen mein meine meinen meinem
            meiner dein deine sein seine ihre ihren unser ist sind war waren bin bist seid wird werden wurde kann können könnte
            kannst muss müssen soll soll sollte will möchte mag habe hast hat haben hatte zu zum zur im in an am auf aus bei beim mit
            nach von vom vor für über unter um durch ohne gegen bis als wenn weil dass ob dann da hier dort denn doch mal bitte danke
            ja nein man kein keine keinen mehr viel viele alle alles etwas nichts dieser diese dieses diesen diesem jetzt wieder gibt
            geht machen mache macht gut
            """),
        stem=6,
        opens={
            "opens as an answer": "ja|nein|nee|doch|okay|ok|genau|richtig|stimmt|klar|gut|vielleicht|keine|keins|beide|eher nicht|noch nicht",
            "opens with thanks": "danke|vielen dank|super|toll|perfekt|prima|schön|interessant|klasse|verstehe|ach so|das ist|das klingt",
            "opens as a continuation": "und|aber|also|dann|oder|weil|was ist mit|wie wäre|was wenn|außerdem|dafür|stattdessen|in dem fall",
            "opens with a new task": (
                "schreib|schreibe|erstelle|stell dir vor|gib mir|nenne mir|sag mir|kannst du|könntest du|ich brauche|ich möchte|"
                "ich will|ich habe|ich bin|hilf mir|hallo|hi|erkläre|plane"
            ),
            "opens with a question word": "was|wer|warum|wieso|wo|wann|welche[rsmn]?|wie|ist|sind|kann|soll|sollte|hat|haben|gibt|muss",
        },
        holds={
            "points back": (
                "zurück zu[mr]?|noch einmal zu[mr]?|nochmal zu[mr]?|vorhin|vorher|früher|eben|erwähnt|hattest du|du (?:sagtest|meintest)|"
                "wie (?:gesagt|besprochen)|neulich|letztes mal|wieder zu[mr]?"
            ),
            "opens something new": (
                "übrigens|ganz anderes|andere frage|anderes thema|neues thema|neue frage|themenwechsel|etwas anderes|was anderes|nebenbei"
            ),
            "works on the answer": (
                "kürzer|länger|kürze|ausführlicher|umformulieren|formuliere|vereinfache|einfacher|fasse|zusammenfass\\w*|übersetz\\w*|"
                "genauer|weiter|mach weiter|nochmal|verbessere|ändere|füge|stichpunkte\\w*|schritt für schritt|beispiele?|"
                "(?:die|deine|das|der|den) (?:antwort|text|liste|version|code|plan|rezept|tabelle|absatz|satz)"
            ),
            "pronoun of a thing": "es|das|dies|diese[rsmn]?|jene[rsmn]?|sie|davon|dafür|damit|daran|darin|darüber|dazu|dort",
            "pronoun of a person": "er|ihn|ihm|ihr|ihre|sein|seine",
            "one of several": "andere[rsmn]?|anderes|noch ein\\w*|gleiche\\w*|beide\\w*|erste[rsmn]?|zweite[rsmn]?|dritte[rsmn]?|letzte[rsmn]?|nächste[rsmn]?|stattdessen|mehr",
            "speaks of itself": "ich|mein\\w*|mich|mir|wir|uns|unser\\w*",
            "speaks to the model": "du|dein\\w*|dich|dir",
            "compares": "besser|schlechter|beste\\w*|billiger|günstiger|einfacher|schneller|größer|kleiner|unterschied|im vergleich|als|alternative\\w*|ähnlich\\w*",
            "asks why": "warum|wieso|weshalb|wirklich|bist du sicher|falsch|fehler|funktioniert nicht|geht nicht",
            "asks for": "bitte|empfiehl|empfehl\\w*|schlag\\w*|such\\w*|zeig\\w*|finde|buch\\w*|reservier\\w*",
        },
    ),
    "fr": Tongue(
        stop=said("""
            le la les l un une des du de d et ou mais pas ne ni aussi encore très si comme que qui quoi où quand comment pourquoi quel
            quelle quels quelles je tu il elle on nous vous ils elles me te se moi toi lui leur leurs mon ma mes ton ta tes son sa ses
            notre nos votre vos est sont était suis es êtes sera été être ai as a avons avez ont avoir peux peut pouvez pourrait faut
            doit dois veux veut voudrais à au aux en dans sur sous avec sans pour par chez entre vers avant après depuis jusque ce cet
            cette ces cela ça c'est y plus moins tout tous toute toutes rien quelque quelques alors donc car puis ici là oui non merci
            faire fait fais bien bon
            """),
        stem=6,
        opens={
            "opens as an answer": "oui|non|si|ok|okay|d'accord|exactement|exact|bien sûr|peut-être|aucun|aucune|les deux|pas vraiment|pas encore",
            "opens with thanks": "merci|super|parfait|génial|bien|très bien|intéressant|excellent|je vois|c'est|ça a l'air",
            "opens as a continuation": "et|mais|donc|alors|ou|aussi|ensuite|puis|parce que|et si|qu'en est-il|dans ce cas|sinon|plutôt",
            "opens with a new task": (
                "écris|écrivez|crée|imagine|donne-moi|donnez-moi|dis-moi|peux-tu|pouvez-vous|pourrais-tu|j'ai besoin|je veux|je voudrais|"
                "j'aimerais|je suis|j'ai|aide-moi|bonjour|salut|explique"
            ),
            "opens with a question word": "que|quoi|qui|pourquoi|où|quand|quels?|quelles?|comment|combien|est-ce|qu'est-ce|faut-il|peut-on|dois-je|est|sont",
        },
        holds={
            "points back": (
                "revenons|retour(?:nons)? (?:à|au|aux)|revenir|pour en revenir|tout à l'heure|plus tôt|avant|précédemment|tu (?:as dit|disais|mentionnais)|"
                "vous (?:avez dit|disiez)|comme (?:tu|je) (?:disais|l'ai dit)|l'autre jour|la dernière fois|de nouveau"
            ),
            "opens something new": "au fait|autre (?:question|sujet|chose)|nouveau sujet|nouvelle question|changeons de sujet|rien à voir|à propos",
            "works on the answer": (
                "plus court\\w*|plus long\\w*|raccourci\\w*|reformule\\w*|réécri\\w*|simplifi\\w*|plus simple\\w*|résume\\w*|tradui\\w*|plus de détails|"
                "développe\\w*|continue|corrige\\w*|améliore\\w*|ajoute\\w*|étape par étape|exemples?|"
                "(?:la|ta|le|ton|cette|ce) (?:réponse|texte|liste|version|code|plan|recette|tableau|phrase)"
            ),
            "pronoun of a thing": "ça|cela|ceci|celui|celle|ceux|celles|le|la|les|en|y",
            "pronoun of a person": "il|elle|lui|eux",
            "one of several": "autres?|même|les deux|premi\\w+|deuxième|second\\w*|troisième|derni\\w+|prochain\\w*|plutôt|plus",
            "speaks of itself": "je|j'\\w+|mon|ma|mes|moi|me|nous|notre|nos",
            "speaks to the model": "tu|ton|ta|tes|toi|te|vous|votre|vos",
            "compares": "mieux|meilleur\\w*|pire|moins cher|plus facile|plus rapide|différence|par rapport|comparé|alternatives?|similaire\\w*",
            "asks why": "pourquoi|comment ça|vraiment|tu es sûr|es-tu sûr|faux|erreur|ne marche pas|ne fonctionne pas",
            "asks for": "s'il te plaît|s'il vous plaît|recommande\\w*|conseille\\w*|suggère\\w*|propose\\w*|trouve\\w*|montre\\w*|cherche\\w*|réserve\\w*",
        },
    ),
    "es": Tongue(
        stop=said("""
            el la los las un una unos unas lo al del de y e o u pero no ni también aún muy si como que qué quién cuál cuáles cuándo
            cuánto cuánta cuántos dónde cómo porque por para con sin sobre entre hasta desde en a ante yo tú él ella nosotros ellos ellas
            usted me te se le les nos mi mis tu tus su sus nuestro mío es son era soy eres está están estoy estar ser fue he has ha
            hemos han haber hay tengo tiene tienes tener puedo puede puedes podría debo debe quiero quieres quisiera hacer hace hago
            este esta estos estas eso esto ese esa aquel más menos todo toda todos todas algo nada ya aquí ahí allí entonces sí gracias
            bien bueno
            """),
        stem=6,
        opens={
            "opens as an answer": "sí|si|no|vale|ok|okay|claro|exacto|correcto|bueno|quizás|tal vez|ninguno|ambos|los dos|todavía no",
            "opens with thanks": "gracias|muchas gracias|genial|perfecto|estupendo|excelente|interesante|qué bien|ya veo|entiendo|eso es|suena",
            "opens as a continuation": "y|pero|entonces|también|o|porque|qué tal|y si|además|en ese caso|en cambio|luego",
            "opens with a new task": (
                "escribe|escríbeme|crea|imagina|dame|dime|puedes|podrías|necesito|quiero|quisiera|me gustaría|tengo|soy|estoy|ayúdame|hola|explica|explícame"
            ),
            "opens with a question word": "qué|quién|por qué|dónde|cuándo|cuál|cuáles|cómo|cuánt[oa]s?|es|son|hay|puedo|debo|tiene|se puede",
        },
        holds={
            "points back": (
                "volviendo|volvamos|vuelvo|regresando|de vuelta|antes|anteriormente|hace un rato|(?:dijiste|mencionaste|recomendaste|sugeriste)|"
                "como (?:dije|dijiste)|el otro día|la última vez|de nuevo|otra vez"
            ),
            "opens something new": "por cierto|otra (?:pregunta|cosa)|otro tema|nuevo tema|nueva pregunta|cambiando de tema|cambiemos de tema|algo distinto",
            "works on the answer": (
                "más cort\\w+|más larg\\w+|acorta\\w*|amplía\\w*|reescrib\\w*|reformula\\w*|simplifica\\w*|más simple|más sencill\\w+|res[uú]m\\w+|tradu\\w+|"
                "más detalles?|continúa|sigue|corrige\\w*|mejora\\w*|añade\\w*|agrega\\w*|paso a paso|ejemplos?|"
                "(?:la|tu|el|ese|esa|este|esta) (?:respuesta|texto|lista|versión|código|plan|receta|tabla|frase)"
            ),
            "pronoun of a thing": "eso|esto|ese|esa|esos|esas|este|esta|estos|estas|lo|la|los|las|ello",
            "pronoun of a person": "él|ella|ellos|ellas|le|les",
            "one of several": "otr[oa]s?|mism[oa]s?|ambos|primer\\w*|segund\\w*|tercer\\w*|últim\\w*|siguiente|próxim\\w*|en cambio|más",
            "speaks of itself": "yo|mi|mis|me|mío|nosotros|nuestr\\w+|nos",
            "speaks to the model": "tú|tu|tus|te|usted",
            "compares": "mejor|peor|más barat\\w+|más fácil|más rápid\\w+|diferencia|comparad\\w+|alternativas?|similar\\w*",
            "asks why": "por qué|de verdad|estás seguro|seguro|mal|error|no funciona",
            "asks for": "por favor|recomienda\\w*|recomiéndame|sugiere\\w*|busca\\w*|muestra\\w*|muéstrame|encuentra\\w*|reserva\\w*",
        },
    ),
    "tr": Tongue(
        stop=said("""
            bir bu şu o ve veya ya da de ama fakat için ile gibi kadar daha çok en az hiç her mı mi mu mü ne nasıl neden niçin kim nerede
            ne zaman hangi kaç ben sen biz siz onlar bana sana ona bize size onlara beni seni onu benim senin onun bizim var yok değil
            olan olarak olur olsun oldu mıyım miyim mıdır midir ki ise diye sonra önce şimdi burada orada evet hayır lütfen tamam
            istiyorum gerekir gerek lazım şey
            """),
        stem=5,
        opens={
            "opens as an answer": "evet|hayır|tamam|olur|aynen|doğru|kesinlikle|belki|hiçbiri|ikisi de|pek değil|henüz değil",
            "opens with thanks": "teşekkürler|teşekkür|sağ ol|harika|mükemmel|süper|güzel|ilginç|anladım|bu iyi",
            "opens as a continuation": "ve|ama|peki|ya|o zaman|o halde|yani|ayrıca|ya da|çünkü|bir de|bunun yerine",
            "opens with a new task": "yaz|bana|oluştur|hayal et|anlat|söyle|ihtiyacım|istiyorum|yardım|merhaba|selam|açıkla",
            "opens with a question word": "ne|kim|neden|niye|nerede|ne zaman|hangi|nasıl|kaç",
        },
        holds={
            "points back": "geri döne\\w*|dönersek|dönelim|daha önce|demin|az önce|söylemiştin|demiştin|bahsetti\\w*|önermiştin|geçen sefer|geçen gün|tekrar|yeniden",
            "opens something new": "bu arada|başka bir (?:soru|konu|şey)|yeni (?:bir )?(?:soru|konu)|konuyu değiş\\w*|farklı bir (?:konu|soru|şey)|alakasız",
            "works on the answer": (
                "kısalt\\w*|daha kısa|daha uzun|genişlet\\w*|yeniden yaz\\w*|basitleştir\\w*|daha basit|özetle\\w*|çevir\\w*|daha ayrıntılı|ayrıntı\\w*|"
                "devam et\\w*|düzelt\\w*|geliştir\\w*|ekle\\w*|adım adım|örnek\\w*|(?:cevabı|metni|listeyi|kodu|planı|tarifi|tabloyu)"
            ),
            "pronoun of a thing": "bu|şu|bunu|şunu|onu|bunlar\\w*|onlar\\w*|bunun|onun|buna|ona|bundan|ondan|orada|oraya",
            "pronoun of a person": "onun|ona|ondan",
            "one of several": "başka|diğer\\w*|aynı|ikisi\\w*|ilk|birinci\\w*|ikinci\\w*|üçüncü\\w*|son|sonraki|yerine|daha",
            "speaks of itself": "ben|benim|bana|beni|biz|bizim|bize",
            "speaks to the model": "sen|senin|sana|seni|siz|sizin",
            "compares": "daha iyi|daha kötü|en iyi|daha ucuz|daha kolay|daha hızlı|fark\\w*|karşılaştır\\w*|alternatif\\w*|benzer\\w*",
            "asks why": "neden|niye|niçin|emin misin|gerçekten|yanlış|hata|çalışmıyor",
            "asks for": "lütfen|öner\\w*|bul|göster\\w*|ara|rezerv\\w*",
        },
    ),
    "ru": Tongue(
        stop=said("""
            и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее её мне было вот от меня еще ещё нет
            о из ему теперь когда даже ну ли если уже или ни быть был него до вас опять вам ведь там потом себя ничего ей может они тут
            где есть надо нужно ней для мы тебя их чем была сам чтоб без чего раз тоже себе под будет тогда кто этот того потому этого
            какой какая какие какую каком мой моя мои моего моей меня этом один почти тем чтобы нее были куда зачем всех можно при два
            об другой после над больше через эти нас про эта это как сколько почему пожалуйста спасибо мы наш очень
            """),
        stem=5,
        opens={
            "opens as an answer": "да|нет|ага|хорошо|ладно|окей|ок|верно|точно|конечно|возможно|может быть|оба|ни один|не совсем|ещё нет|пока нет",
            "opens with thanks": "спасибо|отлично|супер|прекрасно|здорово|классно|интересно|понятно|ясно|это звучит|круто",
            "opens as a continuation": "и|а|но|так|тогда|или|также|потому что|что насчёт|что насчет|а если|кроме того|в таком случае|вместо этого",
            "opens with a new task": "напиши|создай|представь|дай мне|дай|скажи|можешь|можете|мне нужно|мне нужен|мне нужна|я хочу|хочу|у меня|помоги|привет|здравствуйте|объясни",
            "opens with a question word": "что|кто|почему|где|когда|какой|какая|какие|какое|как|сколько|можно|нужно|есть|куда|чем",
        },
        holds={
            "points back": "верн[её]мся|возвращаясь|вернуться|назад к|обратно к|раньше|ранее|до этого|ты (?:говорил|сказал|упоминал|советовал)\\w*|вы (?:говорили|советовали)|как я говорил\\w*|в прошлый раз|снова|опять",
            "opens something new": "кстати|друг(?:ой|ая) (?:вопрос|тема)|нов(?:ый|ая) (?:вопрос|тема)|сменим тему|на другую тему|совсем другое|о другом|кое-что другое",
            "works on the answer": (
                "короче|длиннее|сократи\\w*|подробнее|перепиши\\w*|переформулируй\\w*|упрости\\w*|проще|резюмируй\\w*|кратко|переведи\\w*|продолж\\w*|"
                "исправь\\w*|улучши\\w*|добавь\\w*|по пунктам|шаг за шагом|по шагам|пример\\w*|(?:этот|твой|этого|эту) (?:ответ|текст|список|код|план|рецепт|таблиц)\\w*"
            ),
            "pronoun of a thing": "это|этот|эта|эти|этого|этому|этим|этом|то|тот|та|те|его|её|ее|их|им|них|него|там|туда",
            "pronoun of a person": "он|она|они|ему|ей|ним|ней",
            "one of several": "друг\\w+|ещё|еще|тот же|та же|оба|обе|перв\\w+|втор\\w+|трет\\w+|последн\\w+|следующ\\w+|вместо",
            "speaks of itself": "я|мне|меня|мной|мой|моя|мо[ийею]\\w*|мы|нам|нас|наш\\w*",
            "speaks to the model": "ты|тебе|тебя|твой|твоя|твои|вы|вам|вас",
            "compares": "лучше|хуже|лучш\\w+|дешевле|проще|быстрее|больше|меньше|разница|отлич\\w+|по сравнению|чем|альтернатив\\w*|похож\\w*",
            "asks why": "почему|зачем|правда|ты уверен\\w*|неправильно|ошибк\\w*|не работает",
            "asks for": "пожалуйста|посоветуй\\w*|порекомендуй\\w*|предложи\\w*|найди\\w*|покажи\\w*|поищи\\w*|забронируй\\w*",
        },
    ),
    "zh": Tongue(
        stop=said(
            "的 了 是 在 我 你 他 她 它 们 这 那 有 不 和 也 就 都 吗 呢 吧 啊 么 什么 怎么 可以 一个 我们 你们 他们 这个 那个 我的 你的 请问 多少"
        ),
        stem=99,
        opens={
            "opens as an answer": "是的|是|不是|不|好的|好|对|没错|当然|可能|也许|都不|两个都|还没",
            "opens with thanks": "谢谢|感谢|太好了|太棒了|完美|不错|有意思|明白了|知道了|听起来",
            "opens as a continuation": "那么|那|而且|但是|可是|所以|或者|还有|然后|因为|如果|另外|这样的话",
            "opens with a new task": "写|请写|帮我|给我|告诉我|你能|能不能|我需要|我想|我要|我有|我是|你好|请解释|解释一下|想象",
            "opens with a question word": "什么|谁|为什么|哪里|哪儿|什么时候|哪个|怎么|如何|多少|是不是|能|可以|应该|有没有",
        },
        holds={
            "points back": "回到|回过头|说回|刚才|之前|先前|前面|你(?:说|提到|推荐|建议)(?:过|的)|上次|那天|再说说|又",
            "opens something new": "顺便问|顺便|换个话题|另一个问题|别的问题|新问题|新话题|题外话|另外一件事|问个别的",
            "works on the answer": "(?:你能|能不能|可以)?(?:给我|帮我)?举(?:个|一个|几个)?例子?|短一点|更短|长一点|更长|缩短|详细|重写|改写|简化|简单一点|总结|翻译|继续|修改|改进|加上|一步一步|要点|例子|举例|(?:这个|你的|上面的)(?:回答|文本|列表|代码|计划|食谱|表格)",
            "pronoun of a thing": "它|它们|这个|那个|这些|那些|这样|那样|那里|这里",
            "pronoun of a person": "他|她|他们|她们",
            "one of several": "另一个|其他|别的|同样|两个都|第一|第二|第三|最后|下一个|代替|更",
            "speaks of itself": "我",
            "speaks to the model": "你|您",
            "compares": "更好|更差|最好|便宜|容易|更快|区别|相比|比较|替代|类似",
            "asks why": "为什么|真的吗|你确定|不对|错|不行|没用",
            "asks for": "请|推荐|建议|找|显示|搜索|预订|预定",
        },
        spaced=False,
    ),
}
"""By ISO 639-1 code."""

STOP = said(
    """
    a able about above actually after again against ain all also am an and any anything are aren't around as at away
    back be because been before being below between bit both but by can can't come could could've couldn't did didn't do
    does doesn't doing don't down during each either else enough even ever every few find first for from further get
    gets getting give given go goes going gonna good got great had has hasn't have haven't having he hello help her here
    hers herself hey hi him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just kind
    know let let's like likes long look looking lot lots made make makes making many may maybe me might mine more most
    much must my myself need needs new no nor not now number of off oh ok okay on once one ones only or other our ours
    ourselves out over own part people please put question quite rather really right same say see seem she should
    shouldn't since so some someone something sort start still stuff such sure take tell than thank thanks that that's
    the their theirs them themselves then there there's these they thing things think this those though through time to
    too try two under until up upon us use used using very want wants was wasn't way we well were weren't what what's
    when where which while who whom whose why will with without won't work would wouldn't yeah year years yes yet you
    you'd you'll you're you've your yours yourself
    """
)
"""English words that are in every conversation."""

_TOLD_BY: Mapping[str, frozenset[str]] = {
    "en": STOP,
    **{name: tongue.stop for name, tongue in TONGUES.items() if name not in ("ru", "zh")},
}
_HELD_BY: Mapping[str, Sequence[str]] = {
    word: [name for name, stop in _TOLD_BY.items() if word in stop]
    for word in frozenset[str]().union(*_TOLD_BY.values())
}
"""Each common word's languages."""
_LETTERS = {"de": "ß", "es": "ñ¿¡", "tr": "ğış", "fr": "œ"}
"""Letters that hardly another of these languages has; none of them is ASCII."""
