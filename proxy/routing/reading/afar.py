"""The words and cues of Turkish, Russian and Chinese; see `tongue.Tongue`."""

from __future__ import annotations

from proxy.routing.reading.tongue import Tongue, said

TURKISH = Tongue(
    stop=said("""
        bir bu şu o ve veya ya da de ama fakat için ile gibi kadar daha çok en az hiç her mı mi mu mü ne nasıl neden niçin kim nerede
        ne zaman hangi kaç ben sen biz siz onlar bana sana ona bize size onlara beni seni onu bunu buna bunun bundan misin mısın musun müsün peki iki üç benim senin onun bizim var yok değil
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
)

RUSSIAN = Tongue(
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
)

CHINESE = Tongue(
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
)
