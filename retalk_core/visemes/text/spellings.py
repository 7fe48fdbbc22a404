"""How letters sound in each language: `spelling=SOUNDS`, longer spellings first; a spelling is a pattern.

Only what lips or the recogniser notice is told apart. What a language doesn't say is taken from `PLAIN`.
"""

from __future__ import annotations

_V = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüœ"

PLAIN = """
a=AA b=B c=K d=D e=EH f=F g=G h=HH i=IY j=Y k=K l=L m=M n=N o=AO p=P q=K r=R s=S t=T u=UW v=V w=V x=K.S
y=IY z=Z sh=SH ch=CH th=T ph=F kh=K gh=G zh=ZH ts=T.S ng=NG ck=K nk=NG.K qu=K.V ee=IY oo=UW ou=UW aa=AA
ii=IY uu=UW ai=AY ei=EY au=AW oi=OY ay=AY ey=EY oy=OY bh=B dh=D jh=JH dj=JH tj=CH ly=L.Y ny=N.Y
"""

ENGLISH_LETTERS = r"""
a=AE a(?=[bcdfgklmnpstvz]e\b)=EY e=EH i=IH i(?=[bcdfgklmnpstvz]e\b)=AY o=AA o(?=[bcdfgklmnpstvz]e\b)=OW
o\b=OW u=AH u(?=[bcdfgklmnpstvz]e\b)=UW e\b= es\b=Z ed\b=D y=IH y\b=IY \by=Y j=JH w=W c(?=[eiy])=S
g(?=[eiy])=JH th=TH sh=SH ch=CH ph=F ck=K qu=K.W tch=CH dge=JH \bkn=N \bwr=R wh=W gh= ng=NG igh=AY
tion=SH.AH.N sion=ZH.AH.N oo=UW ee=IY ea=IY ou=AW ow=OW ai=EY ay=EY oa=OW oi=OY oy=OY au=AO aw=AO ie=IY
ei=EY ey=IY ew=UW ue=UW ui=UW er=ER ir=ER ur=ER ar=AA.R or=AO.R ore=AO.R air=EH.R mb\b=M le\b=AH.L z=Z
x=K.S a\b=AH
"""

RULES: dict[str, str] = {
    "de": r"""
sch=SH tsch=CH ch=HH chs=K.S \bst=SH.T \bsp=SH.P ie=IY eu=OY äu=OY ä=EH ö=ER ü=UW ß=S z=T.S tz=T.S v=F
w=V y=UW pf=P.F dt=T tion=T.S.IY.OW.N er\b=AH e\b=AH en\b=AH.N el\b=AH.L em\b=AH.M ah=AA eh=EY ih=IY
ieh=IY oh=OW uh=UW äh=EH öh=ER üh=UW oo=OW ee=EY ei=AY ey=AY ai=AY au=AW ou=UW j=Y g=G s(?=[aeiouäöü])=Z
i=IH o=AO u=UH uu=UW th=T
""",
    "es": r"""
ll=Y ñ=N.Y ch=CH qu=K gu(?=[eiéí])=G c(?=[eiéí])=S g(?=[eiéí])=HH j=HH z=S h= rr=R y(?=[aeiou])=Y o=OW
ó=OW (?<=[aeiouáéíóú])[bv](?=[aeiouáéíóúrl])=V (?<=[rlsd])[bv](?=[aeiouáéíóú])=V v=B w=W ü=W
u(?=[aeoáéó])=W i(?=[aeoáéó])=Y e=EH th=T ou=OW.UH
""",
    "fr": rf"""
eau=OW eaux=OW au=OW aux\b=OW ou=UW où=UW oi=W.AA oî=W.AA oy=W.AA.Y ai=EH aî=EH ei=EH eu=ER œu=ER oeu=ER
œ=ER u=UW û=UW ù=UW ü=UW é=EY è=EH ê=EH ë=EH ô=OW o=AO î=IY ï=IY gn=N.Y ch=SH ph=F qu=K ç=S
c(?=[eiéèêîy])=S g(?=[eiéèêîy])=ZH ge(?=[aou])=ZH gu(?=[eiéèê])=G j=ZH h= th=T ill=Y (?<=[aeou])il\b=Y
ll=L w=W y=IY i(?=[{_V}])=Y e=AH e\b= (?<=\b[cdjlmnst])e\b=AH es\b= ent\b=AA er\b=EY ez\b=EY et\b=EH
s\b= t\b= ts\b= d\b= ds\b= p\b= x\b= z\b= s(?<=[{_V}]s)(?=[{_V}])=Z an(?![{_V}nm])=AA am(?![{_V}nm])=AA
en(?![{_V}nm])=AA em(?![{_V}nm])=AA ent(?=[{_V}])=AA.T on(?![{_V}nm])=OW om(?![{_V}nm])=OW
in(?![{_V}nm])=AE im(?![{_V}nm])=AE ain(?![{_V}nm])=AE aim(?![{_V}nm])=AE ein(?![{_V}nm])=AE
ien(?![{_V}nm])=Y.AE un(?![{_V}nm])=AH um(?![{_V}nm])=AH oin(?![{_V}nm])=W.AE yn(?![{_V}nm])=AE
ym(?![{_V}nm])=AE
""",
    "it": r"""
gli=L.Y gn=N.Y sc(?=[eièéì])=SH sci(?=[aou])=SH c(?=[eièéì])=CH ci(?=[aou])=CH ch=K g(?=[eièéì])=JH
gi(?=[aou])=JH gh=G z=T.S qu=K.W h= u(?=[aeioàèò])=W i(?=[aeouàèò])=Y o=OW ò=OW ou=OW.UW
""",
    "pt": r"""
lh=L.Y nh=N.Y ch=SH ç=S ão=AW õe=OY ãe=AY ã=AH õ=OW j=ZH g(?=[eiéí])=ZH gu(?=[eiéí])=G qu(?=[eiéí])=K
qu=K.W c(?=[eiéíê])=S x=SH rr=HH \br=HH o\b=UW os\b=UW.S e\b=IY h= m\b= o=OW ó=AO ô=OW ou=OW ei=EY
(?<=[aeiouáéíóú])m(?=[cdfgjlqrstvxz])=N
""",
    "ca": r"""
ny=N.Y ll=L.Y l·l=L ç=S c(?=[eiéèí])=S g(?=[eiéèí])=ZH j=ZH tj=JH tg=JH ig\b=CH x=SH qu(?=[eiéèí])=K
qu=K.W h= v=B o=AO r\b=
""",
    "nl": """
ij=EY ei=EY ui=AW oe=UW ou=AW au=AW eu=ER uu=UW ie=IY aa=AA oo=OW ee=EY sch=S.HH g=HH ch=HH w=V v=F j=Y
u=AH oei=UW.Y ieuw=IY.UW eeuw=EY.UW sj=SH tj=CH
""",
    "sv": """
å=OW ä=EH ö=ER sj=SH skj=SH stj=SH sk(?=[eiyäö])=SH tj=SH kj=SH k(?=[eiyäö])=SH j=Y y=UW o=UW u=UW ck=K
rs=SH g(?=[eiyäö])=Y
""",
    "da": "å=AO ø=ER æ=EH sj=SH j=Y y=UW ej=AY eg=AY ov=OW av=AW v=V",
    "no": "å=AO ø=ER æ=AE sj=SH skj=SH kj=SH j=Y y=UW o=UW u=UW ei=EY øy=OY au=AW",
    "fi": "y=UW ä=AE ö=ER j=Y yy=UW ää=AE öö=ER ie=IY.EH uo=UW.AO yö=UW.ER oo=AO ou=OW ng=NG",
    "hu": """
sz=S s=SH cs=CH zs=ZH gy=D ny=N.Y ly=Y ty=T c=T.S dzs=JH j=Y ö=ER ő=ER ü=UW ű=UW á=AA a=AO é=EY ó=OW
o=AO
""",
    "pl": r"""
sz=SH cz=CH rz=ZH ż=ZH ź=ZH ś=SH ć=CH dż=JH dź=JH dzi=JH ch=HH w=V ł=W j=Y y=IH ó=UW ń=N.Y c=T.S ci=CH
si=SH zi=ZH ni(?=[aeouóąę])=N.Y ą(?=[bp])=AO.M ę(?=[bp])=EH.M ą=AO.N ę=EH.N ę\b=EH szcz=SH.CH
""",
    "cs": "č=CH š=SH ž=ZH ř=R.ZH ch=HH c=T.S j=Y ě=Y.EH ň=N.Y ď=D.Y ť=T.Y y=IY ý=IY ou=OW",
    "sk": "č=CH š=SH ž=ZH ch=HH c=T.S j=Y ä=EH ľ=L.Y ĺ=L ň=N.Y ď=D.Y ť=T.Y ô=W.AO y=IY ý=IY dž=JH",
    "sl": "č=CH š=SH ž=ZH c=T.S j=Y",
    "hr": "č=CH ć=CH š=SH ž=ZH đ=JH dž=JH c=T.S j=Y lj=L.Y nj=N.Y",
    "ro": r"""
ă=AH â=IH î=IH ș=SH ş=SH ț=T.S ţ=T.S c(?=[ei])=CH ci(?=[aou])=CH g(?=[ei])=JH ch=K gh=G j=ZH i\b=
ea=Y.AA oa=W.AA
""",
    "tr": "c=JH ç=CH ş=SH ğ= ı=IH ö=ER ü=UW j=ZH y=Y â=AA o=AO",
    "id": "c=CH ng=NG ny=N.Y sy=SH v=F y=Y j=JH w=W e=AH ngg=NG.G",
    "ms": "c=CH ng=NG ny=N.Y sy=SH v=F y=Y j=JH w=W e=AH ngg=NG.G",
    "vi": r"""
ph=F kh=HH th=T tr=CH ch=CH gi=Z d=Z đ=D nh=N.Y ng=NG ngh=NG gh=G qu=K.W x=S c=K ơ=ER ư=UH ô=OW o=AO
ê=EY e=EH â=AH ă=AH y=IY uô=UW.AH ươ=UH.AH iê=IY.AH oa=W.AA oe=W.EH uy=W.IY u\b=UW
""",
    "zh": r"""
zh=JH ch=CH sh=SH q=CH x=SH j=JH z=T.S c=T.S r=R w=W y=Y a=AA o=AO e=AH i=IY u=UW iu=Y.OW ui=W.EY ao=AW
ou=OW ei=EY ai=AY ie=Y.EH ue=Y.EH ia=Y.AA ua=W.AA uo=W.AO iao=Y.AW uai=W.AY un=W.AH.N ong=UH.NG
iong=Y.UH.NG eng=AH.NG en=AH.N ian=Y.EH.N uan=W.AA.N er\b=ER yi=IY yin=IY.N ying=IY.NG yu=UW yue=UW.EH
yuan=UW.EH.N yun=UW.N wu=UW (?<=[zcsr])i=IH (?<=[zcs]h)i=IH (?<=[jqx])u=UW (?<=[jqx])uan=UW.EH.N
(?<=[jqx])un=UW.N ng=NG ye=Y.EH yan=Y.EH.N qu=CH.UW que=CH.UW.EH quan=CH.UW.EH.N qun=CH.UW.N
""",
    "ja": "sh=SH ch=CH j=JH ts=T.S f=F r=R u=UH o=AO y=Y w=W ei=EY ou=OW z=Z",
    "ko": """
eo=AH eu=IH ae=EH oe=W.EH ui=IY wi=W.IY wa=W.AA wae=W.EH weo=W.AH we=W.EH yeo=Y.AH ya=Y.AA yo=Y.AO
yu=Y.UW ye=Y.EH ch=CH j=JH kk=K tt=T pp=P ss=S jj=JH o=AO y=Y w=W
""",
    "ru": r"""
а=AA б=B в=V г=G д=D е=Y.EH (?<=[бвгджзклмнпрстфхцчшщ])е=EH ё=Y.AO (?<=[бвгджзклмнпрстфхцчшщ])ё=AO ж=ZH
з=Z и=IY й=Y к=K л=L м=M н=N о=AO п=P р=R с=S т=T у=UW ф=F х=HH ц=T.S ч=CH ш=SH щ=SH ъ= ы=IH ь= э=EH
ю=Y.UW (?<=[бвгджзклмнпрстфхцчшщ])ю=UW я=Y.AA (?<=[бвгджзклмнпрстфхцчшщ])я=AA о\b=AH ого\b=AH.V.AH
его\b=Y.IH.V.AH
""",
    "el": r"""
α=AA β=V γ=G δ=DH ε=EH ζ=Z η=IY θ=TH ι=IY κ=K λ=L μ=M ν=N ξ=K.S ο=AO π=P ρ=R σ=S ς=S τ=T υ=IY φ=F χ=HH
ψ=P.S ω=AO ά=AA έ=EH ή=IY ί=IY ό=AO ύ=IY ώ=AO ϊ=IY ϋ=IY ου=UW ού=UW ει=IY εί=IY οι=IY οί=IY αι=EH αί=EH
αυ=AA.V αύ=AA.V ευ=EH.V εύ=EH.V μπ=B ντ=D γκ=G γγ=NG.G τσ=T.S τζ=JH γ(?=[εέηήιίυύ])=Y
""",
    "ar": """
ا=AA ب=B ت=T ث=TH ج=JH ح=HH خ=HH د=D ذ=DH ر=R ز=Z س=S ش=SH ص=S ض=D ط=T ظ=DH ع=AH غ=G ف=F ق=K ك=K ل=L م=M
ن=N ه=HH و=UW ي=IY ة=AH ى=AA ء= أ=AH إ=IH آ=AA ؤ=UW ئ=IY َ=AH ِ=IH ُ=UH ً=AH.N ٍ=IH.N ٌ=UH.N ّ= ْ=
""",
    "he": r"""
א=AA \bב=B ב=V ג=G ד=D ה=HH ה\b=AA \bו=V ו=AO ז=Z ח=HH ט=T י=IY כ=HH \bכ=K ך=HH ל=L מ=M ם=M נ=N ן=N ס=S
ע=AA \bפ=P פ=F ף=F צ=T.S ץ=T.S ק=K ר=R ש=SH ת=T
""",
}  # fmt: skip
RULES["uk"] = RULES["ru"] + " і=IY ї=Y.IY є=Y.EH ґ=G г=HH и=IH е=EH"
RULES["bg"] = RULES["ru"] + " е=EH щ=SH.T ъ=AH ь=Y"
RULES["sr"] = RULES["ru"] + " " + RULES["hr"] + " е=EH ј=Y љ=L.Y њ=N.Y ћ=CH ђ=JH џ=JH"
RULES["fa"] = RULES["ur"] = RULES["ar"] + " پ=P چ=CH ژ=ZH گ=G ک=K ی=IY ے=EY ٹ=T ڈ=D ڑ=R ں=N ہ=HH ھ=HH و=UW"
_INDIC = "c=CH ph=P j=JH w=V y=Y a=AH aa=AA e=EY o=OW ai=EH au=AO v=V ss=SH tt=T dd=D nn=N ll=L rr=R cch=CH"
RULES |= dict.fromkeys(("hi", "mr", "bn", "gu", "pa", "ta", "te", "kn", "ml"), _INDIC)
