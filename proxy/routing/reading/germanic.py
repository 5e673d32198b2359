"""The words and cues of German and Dutch; see `tongue.Tongue`."""

from __future__ import annotations

from proxy.routing.reading.tongue import Tongue, said

GERMAN = Tongue(
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
)

DUTCH = Tongue(
    stop=said("""
        de het een en of maar niet geen ook nog al wel zeer heel zo als dan dat die dit deze wat wie waar wanneer waarom hoe welke welk ik
        je jij u hij zij ze wij we jullie hen hun hem haar mij me mijn jouw uw zijn ons onze is was waren ben bent wordt worden werd kan
        kunt kun kunnen kon moet moeten mag wil wilt willen zou zal zullen heb hebt heeft hebben had te tot in op aan uit bij met naar
        van voor over onder om door zonder tegen tussen na er hier daar nu dus toch eens even graag alsjeblieft bedankt ja nee iets niets
        alles veel meer minder gaat maken maak doen doe doet want omdat
        """),
    stem=6,
    opens={
        "opens as an answer": "ja|nee|jawel|oké|oke|ok|precies|juist|klopt|zeker|misschien|geen van|allebei|beide|niet echt|nog niet",
        "opens with thanks": "bedankt|dank je|dank u|dankjewel|super|perfect|prima|mooi|leuk|top|interessant|ik snap|ik begrijp|dat is|dat klinkt",
        "opens as a continuation": "en|maar|dus|dan|of|ook|want|omdat|wat als|hoe zit het|bovendien|in dat geval|in plaats daarvan|daarna",
        "opens with a new task": (
            "schrijf|maak een|stel je voor|geef me|geef mij|vertel|kun je|kan je|kunt u|zou je|ik heb|ik wil|ik zoek|ik ben|ik moet|help me|"
            "hallo|hoi|leg uit|plan"
        ),
        "opens with a question word": "wat|wie|waarom|waar|wanneer|welke?|hoe|hoeveel|is|zijn|kan|moet|mag|heeft|hebben",
    },
    holds={
        "points back": (
            "terug naar|terugkomend|terugkomen|weer over|nog even over|eerder|daarnet|zonet|zojuist|(?:je|u) (?:zei|noemde|adviseerde)|"
            "zoals (?:gezegd|besproken|ik zei)|laatst|vorige keer|opnieuw"
        ),
        "opens something new": (
            "trouwens|overigens|(?:andere|nieuwe) vraag|(?:ander|nieuw) onderwerp|van onderwerp|heel iets anders|iets (?:heel )?anders|tussendoor"
        ),
        "works on the answer": (
            "korter|langer|inkorten|kort\\w* in|uitgebreider|herschrijf\\w*|herformuleer\\w*|vereenvoudig\\w*|eenvoudiger|simpeler|vat\\b.*\\bsamen|"
            "samenvat\\w*|vertaal\\w*|gedetailleerder|ga door|ga verder|nog eens|verbeter\\w*|pas\\b.*\\baan|voeg\\b.*\\btoe|puntsgewijs|stap voor stap|"
            "voorbeeld\\w*|leg (?:dat|dit|het) (?:eens |even )?\\w* ?uit|"
            "(?:het|de|je|dit|die|dat|deze) (?:antwoord|tekst|lijst|versie|code|plan|recept|tabel|zin|alinea)"
        ),
        "pronoun of a thing": "het|dat|dit|die|deze|ze|daarvan|daarvoor|daarmee|daaraan|daarin|daarover|ervan|ervoor|ermee|eraan|erin|erover|daar",
        "pronoun of a person": "hij|hem|zij|haar",
        "one of several": "andere?|nog een|zelfde|dezelfde|hetzelfde|beide|eerste|tweede|derde|laatste|volgende|meer",
        "speaks of itself": "ik|mijn|mij|me|wij|we|ons|onze",
        "speaks to the model": "je|jij|jou|jouw|u|uw",
        "compares": "beter|slechter|beste|goedkoper|makkelijker|sneller|groter|kleiner|verschil|vergeleken|vergelijking|alternatie\\w+|vergelijkbaar",
        "asks why": "waarom|hoezo|echt|(?:weet|ben) (?:je|u) (?:\\w+ )?zeker|fout|verkeerd|werkt niet|lukt niet|begrijp\\w* .*niet|snap .*niet|begreep .*niet",
        "asks for": "alsjeblieft|alstublieft|graag|raad .*aan|adviseer|stel .*voor|zoek|toon|laat .*zien|vind|boek\\w*|reserveer\\w*",
    },
)
