"""The words and cues of French, Spanish, Italian and Portuguese; see `tongue.Tongue`."""

from __future__ import annotations

from proxy.routing.reading.tongue import Tongue, said

FRENCH = Tongue(
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
)

SPANISH = Tongue(
    stop=said("""
        el la los las un una unos unas dos tres lo al del de y e o u pero no ni también aún muy si como que qué quién cuál cuáles cuándo
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
)

ITALIAN = Tongue(
    stop=said("""
        il lo la i gli le l un uno una due tre di del dello della dei degli delle dell da dal dallo dalla dai dalle a al allo alla ai agli alle all in
        in ogni nel nello nella nei nelle nell con su sul sullo sulla sui sulle sull per tra fra e ed o ma però non né anche ancora solo molto
        troppo così come che chi cui quale quali qual quanto quanta quanti quante quando dove perché cosa io tu lui lei noi voi loro mi
        ti si ci vi me te ne mio mia miei mie tuo tua tuoi tue suo sua suoi sue nostro nostra vostro è sono sei siamo siete era ero
        erano essere stato ho hai ha abbiamo avete hanno aveva avere posso puoi può possiamo possono potrei potresti devo devi deve
        dobbiamo vorrei voglio vuoi vuole fare fa faccio fai questo questa questi queste quest quello quella quelli quelle quell ciò più
        meno tutto tutta tutti tutte qualche qualcosa niente nulla già qui qua lì là ora adesso poi allora quindi se sì no grazie bene
        buono prima dopo mai sempre
        """),
    stem=6,
    opens={
        "opens as an answer": "sì|si|no|ok|okay|va bene|certo|esatto|giusto|forse|nessun\\w*|entramb\\w+|tutti e due|non proprio|non ancora",
        "opens with thanks": "grazie|perfetto|ottimo|fantastico|benissimo|bello|interessante|capito|ho capito|capisco|sembra",
        "opens as a continuation": "e|ed|ma|però|quindi|allora|anche|oppure|o|perché|poi|e se|inoltre|in tal caso|in quel caso|invece",
        "opens with a new task": (
            "scrivi|scrivimi|crea|immagina|dammi|dimmi|puoi|potresti|mi serve|ho bisogno|voglio|vorrei|mi piacerebbe|ho|sono|aiutami|ciao|"
            "buongiorno|spiega|spiegami|organizza"
        ),
        "opens with a question word": "che|cosa|chi|perché|dove|quando|quale|quali|qual|come|quant[oaie]|è|sono|c'è|posso|devo|si può",
    },
    holds={
        "points back": (
            "tornando|torniamo|ritorniamo|tornare a\\w*|riprendiamo|prima|in precedenza|poco fa|(?:hai detto|dicevi|hai consigliato|hai suggerito|avevi detto)|"
            "come (?:dicevo|dicevi|detto)|l'altro giorno|l'ultima volta|di nuovo|un'altra volta"
        ),
        "opens something new": (
            "a proposito|un'altra (?:domanda|cosa)|(?:altro|nuovo) (?:tema|argomento)|nuova domanda|cambi(?:amo|ando) (?:argomento|tema)|tutt'altro|"
            "qualcos'altro"
        ),
        "works on the answer": (
            "più (?:breve|cort\\w+|lung\\w+|semplice|dettagliat\\w+)|accorcia\\w*|allunga\\w*|riscrivi\\w*|riformula\\w*|semplifica\\w*|riassum\\w+|"
            "tradu[cr]\\w+|più dettagli|approfondisci\\w*|continua|prosegui|vai avanti|correggi\\w*|migliora\\w*|aggiungi\\w*|passo (?:dopo|per) passo|"
            "esempi[o]?|spiegal[oa]|(?:la|tua|il|questa|questo|quella|quel) (?:risposta|testo|lista|versione|codice|piano|ricetta|tabella|frase)"
        ),
        "pronoun of a thing": "ciò|questo|questa|questi|queste|quello|quella|quelli|quelle|lo|la|li|le|ne|ci",
        "pronoun of a person": "lui|lei|loro|gli",
        "one of several": "altr[oaie]|un altro|un'altra|stess[oaie]|entramb\\w+|prim[oaie]|second[oaie]|terz[oaie]|ultim[oaie]|prossim[oaie]|invece|più",
        "speaks of itself": "io|mi|me|mio|mia|miei|mie|noi|nostr[oaie]",
        "speaks to the model": "tu|ti|te|tuo|tua|tuoi|tue|vostr[oaie]",
        "compares": "meglio|migliore|peggio|peggiore|più economic\\w+|più facile|più veloce|differenza|rispetto|confronto|alternativ\\w+|simil\\w+",
        "asks why": "perché|come mai|davvero|(?:ne )?sei sicur[oa]|sbagliat\\w+|errore|non funziona|non (?:ho )?capi(?:to|sco)",
        "asks for": "per favore|per piacere|consiglia\\w*|suggerisci\\w*|trova\\w*|mostra\\w*|cerca\\w*|prenota\\w*",
    },
)

PORTUGUESE = Tongue(
    stop=said("""
        o a os as um uma uns umas dois três do da dos das de em no na nos nas num numa ao aos à às por pelo pela pelos pelas para pra com sem
        sobre entre até desde e ou mas porém não nem também ainda só muito muita como que quem qual quais quanto quanta quantos quantas
        quando onde porque porquê quê eu tu você vocês ele ela nós eles elas me te se lhe meu minha meus minhas teu tua seu sua seus
        suas nosso nossa é são sou somos és era foi ser estar está estão estou estava tem tenho têm ter temos há haver posso pode podes
        podemos poderia devo deve quero quer queria gostaria fazer faz faço este esta estes estas isto esse essa esses essas isso disso
        nisso aquele aquela aquilo mais menos tudo todo toda todos todas algo nada já aqui ali lá agora então depois antes sim obrigado
        obrigada bem bom boa
        """),
    stem=6,
    opens={
        "opens as an answer": "sim|não|ok|okay|claro|certo|exato|exatamente|correto|talvez|nenhum\\w*|ambos|os dois|ainda não|não muito",
        "opens with thanks": "obrigad[oa]|muito obrigad[oa]|ótimo|perfeito|excelente|legal|fantástico|interessante|entendi|percebi|parece",
        "opens as a continuation": "e|mas|então|também|ou|porque|que tal|e se|além disso|nesse caso|em vez disso|depois",
        "opens with a new task": (
            "escrev[ae]|crie|cria|imagin[ae]|dê-me|me dê|diga-me|me diga|você pode|pode|poderia|preciso|quero|queria|gostaria|tenho|sou|"
            "estou|me ajude|ajude-me|olá|oi|bom dia|expliqu?[ae]|planej[ae]"
        ),
        "opens with a question word": "que|o que|quem|por que|onde|quando|qual|quais|como|quant[oa]s?|é|são|há|posso|devo|tem|dá para",
    },
    holds={
        "points back": (
            "voltando|voltemos|voltar|vamos voltar|de volta|antes|anteriormente|agora há pouco|(?:disseste|você (?:disse|mencionou|recomendou|sugeriu))|"
            "como (?:eu disse|você disse|disseste)|outro dia|da última vez|na última vez|de novo|novamente|outra vez"
        ),
        "opens something new": (
            "a propósito|aliás|outra (?:pergunta|coisa|questão)|(?:outro|novo) (?:tema|assunto|tópico)|nova (?:pergunta|questão)|"
            "mud(?:ando|emos|ar) de assunto|algo diferente"
        ),
        "works on the answer": (
            "mais (?:curt\\w+|breve|long\\w+|simples|detalh\\w+)|encurt\\w+|reescrev\\w+|reformul\\w+|simplifi\\w+|resum\\w+|tradu[zç]\\w*|"
            "amplie|aprofund\\w+|continue|continua|prossiga|corrij\\w+|melhor[ea]|acrescent\\w+|adicion\\w+|passo a passo|exemplos?|"
            "(?:a|sua|tua|o|esse|essa|este|esta) (?:resposta|texto|lista|versão|código|plano|receita|tabela|frase)"
        ),
        "pronoun of a thing": "isso|isto|disso|disto|nisso|esse|essa|esses|essas|este|esta|estes|estas|aquilo|o|os|as",
        "pronoun of a person": "ele|ela|eles|elas|lhe|dele|dela",
        "one of several": "outr[oa]s?|mesm[oa]s?|ambos|primeir[oa]s?|segund[oa]s?|terceir[oa]s?|últim[oa]s?|próxim[oa]s?|em vez|mais",
        "speaks of itself": "eu|meus?|minhas?|me|mim|nós|noss[oa]s?",
        "speaks to the model": "tu|teus?|tuas?|te|você|seus?|suas?",
        "compares": "melhor|pior|mais barat\\w+|mais fácil|mais rápid\\w+|diferença|comparad\\w+|alternativas?|semelhante\\w*|parecid\\w+",
        "asks why": "por que|porquê|sério|tem certeza|tens a certeza|errad[oa]|erro|não funciona|não entendi|não percebi",
        "asks for": "por favor|recomend\\w+|sugir\\w+|sugere|encontr\\w+|mostr\\w+|procur\\w+|reserv\\w+",
    },
)
