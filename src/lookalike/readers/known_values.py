"""The values of DICOM attributes that may be kept: the standard's own terms, and the names of makers and products.

What a header says is kept only if it is here, and then as it is spelled here: no letter of a file's own text passes.
"""

from __future__ import annotations

from typing import Final

_MODALITIES: Final = """
ANN AR AS ASMT AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA
FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT
PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR
SRF ST STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC
"""
MODALITY_TERMS: Final = tuple(_MODALITIES.split())
"""PS3.3 C.7.3.1.1.1, the retired ones too."""

_BODY_PARTS: Final = """
ABDOMEN ABDOMENPELVIS ACJOINT ADRENAL ANKLE ANTECUBITALV ANTMEDIASTINUM ANUS AORTA AORTICARCH APPENDIX ARM ARTERY
ASCAORTA AXILLA BACK BILEDUCT BLADDER BONE BRAIN BREAST BRONCHUS BUTTOCK CALCANEUS CALF CAROTID CBD CEREBELLUM CERVIX
CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS CIRCLEOFWILLIS CLAVICLE CLIVUS COCCYX COLON CORNEA CORONARYARTERY CORONARYSINUS
CSPINE CTSPINE DESCAORTA DUODENUM EAR ELBOW ESOPHAGUS EXTREMITY EYE EYELID FACE FEMORALARTERY FEMUR FIBULA FINGER FLANK
FOOT FOREARM FOREFOOT FRONTALSINUS GALLBLADDER GLUTEAL GROIN HAND HEAD HEADNECK HEART HIP HUMERUS IAC ILEUM ILIUM
INGUINAL INNEREAR JAW JEJUNUM KIDNEY KNEE LARGEINTESTINE LARYNX LEFTATRIUM LEFTVENTRICLE LEG LIVER LOWERLEG LSPINE
LSSPINE LUNG LYMPHNODE MANDIBLE MASTOID MAXILLA MEDIASTINUM MIDDLEEAR MOUTH NASALBONE NASOPHARYNX NECK NECKCHEST
NECKCHESTABDOMEN NECKCHESTABDPELV NOSE OPTICCANAL ORBIT OROPHARYNX OVARY PANCREAS PARASTERNAL PAROTID PARTIALBODY
PATELLA PELVIS PENIS PERINEUM PHARYNX PITUITARY PLACENTA PROSTATE RADIUS RADIUSULNA RECTUM RETINA RIB RIGHTATRIUM
RIGHTVENTRICLE SACRUM SCALP SCAPULA SCLERA SCROTUM SELLA SEMVESICLE SESAMOID SHOULDER SIJOINT SINUS SKIN SKULL
SMALLINTESTINE SPINALCORD SPINE SPLEEN SSPINE STERNUM STOMACH SUBMANDIBULAR TEETH TESTIS THIGH THORAX THUMB THYMUS
THYROID TIBIA TIBIAFIBULA TLSPINE TMJ TOE TONGUE TRACHEA TRUNK TSPINE ULNA UPPERARM UPPERLEG URETER URETHRA UTERUS
VAGINA VEIN VULVA WHOLEBODY WRIST ZYGOMA
"""
BODY_PARTS: Final = tuple(_BODY_PARTS.split())
"""PS3.16 L, with some that scanners write beside them."""

VIEWS: Final = (
    *("AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LAO", "RAO", "LPO", "RPO", "LATERAL", "LAT", "OBLIQUE"),
    *("AP LLD", "AP RLD", "PA LLD", "PA RLD", "AP AXIAL", "AP LORDOTIC", "PA OBLIQUE", "AP OBLIQUE", "SWIMMERS"),
    *("XTABLE LATERAL", "AXIAL", "LORDOTIC", "SUNRISE", "TANGENTIAL", "FROG", "Y VIEW"),
    *("CC", "MLO", "ML", "LM", "LMO", "FB", "SIO", "ISO", "XCC", "XCCL", "XCCM", "CV", "AT"),
)
"""PS3.3 C.8.1.1 and C.8.7.1, PS3.16 CID 4014, and what public collections of radiographs have."""

SEQUENCE_TERMS: Final = ("SE", "IR", "GR", "EP", "RM")
"""PS3.3 C.8.3.1.1.1, Scanning Sequence."""

PHOTOMETRIC: Final = (
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"),
    *("YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB", "HSV", "ARGB", "CMYK"),
)
"""PS3.3 C.7.6.3.1.2."""

MAKERS: Final[dict[str, tuple[str, ...]]] = {
    "SIEMENS": ("siemens", "acuson", "cps", "ctistudio", "cti"),
    "GE MEDICAL SYSTEMS": ("ge", "gems", "ge healthcare", "general electric", "lunar"),
    "Philips": ("philips", "atl", "adac", "marconi", "picker"),
    "Canon": ("canon", "toshiba"),
    "FUJIFILM": ("fujifilm", "fuji"),
    "HITACHI": ("hitachi",),
    "Agfa": ("agfa",),
    "Carestream": ("carestream", "kodak", "eastman kodak"),
    "HOLOGIC": ("hologic", "lorad", "supersonic imagine"),
    "UIH": ("uih", "united imaging", "shanghai united imaging"),
    "KONICA MINOLTA": ("konica", "konica minolta"),
    "MINDRAY": ("mindray", "shenzhen mindray", "zonare"),
    "Samsung": ("samsung", "medison", "neurologica"),
    "SonoSite": ("sonosite", "fujifilm sonosite"),
    "SHIMADZU": ("shimadzu",),
    "Neusoft": ("neusoft", "nms"),
    "Esaote": ("esaote",),
    "Varian": ("varian",),
    "Elekta": ("elekta",),
    "Bruker": ("bruker",),
    "Planmed": ("planmed", "planmeca"),
    "IMS": ("ims", "ims giotto", "giotto"),
    "Mediso": ("mediso",),
    "Lodox": ("lodox",),
    "Swissray": ("swissray",),
    "Sectra": ("sectra",),
    "EOS imaging": ("eos imaging", "biospace"),
    "DRTECH": ("drtech",),
    "Rayence": ("rayence",),
    "Vieworks": ("vieworks",),
    "Hyperfine": ("hyperfine",),
    "Imaging Dynamics": ("imaging dynamics", "imagingdynamicscompany", "idc"),
    "Butterfly": ("butterfly",),
    "OLYMPUS": ("olympus",),
    "PENTAX": ("pentax",),
    "Carl Zeiss Meditec": ("zeiss", "carl zeiss"),
    "Heidelberg Engineering": ("heidelberg",),
    "Topcon": ("topcon",),
    "Aperio": ("aperio", "leica"),
    "Hamamatsu": ("hamamatsu",),
    "3DHISTECH": ("3dhistech",),
}
"""Makers, and the first words, in small letters, by which files name them."""

PRODUCTS: Final = tuple(
    name
    for line in """
SOMATOM Definition, SOMATOM Definition AS, SOMATOM Definition AS+, SOMATOM Definition Flash, SOMATOM Definition Edge
SOMATOM Force, SOMATOM Drive, SOMATOM Confidence, SOMATOM go, SOMATOM X.cite, SOMATOM Emotion, SOMATOM Perspective
SOMATOM Scope, SOMATOM Sensation, SOMATOM PLUS, Emotion, Emotion Duo, Sensation 4, Sensation 10, Sensation 16
Sensation 40, Sensation 64, Sensation Open, Perspective, Volume Zoom, NAEOTOM Alpha, Biograph, Biograph mCT
Biograph Vision, Biograph mMR, Biograph Horizon, Symbia, ECAT
MAGNETOM Aera, MAGNETOM Altea, MAGNETOM Amira, MAGNETOM Avanto, MAGNETOM Cima.X, MAGNETOM ESSENZA, MAGNETOM Espree
MAGNETOM Free.Max, MAGNETOM Lumina, MAGNETOM Prisma, MAGNETOM Prisma Fit, MAGNETOM Skyra, MAGNETOM Skyra Fit
MAGNETOM Sola, MAGNETOM Sola Fit, MAGNETOM Terra, MAGNETOM Terra.X, MAGNETOM Trio, MAGNETOM Verio, MAGNETOM Vida
MAGNETOM Vida Fit, Aera, Allegra, Avanto, Avanto Fit, Espree, Essenza, Harmony, Prisma, Prisma Fit, Skyra, Skyra Fit
Sonata, Spectra, Symphony, SymphonyTim, SymphonyVision, Trio, TrioTim, Verio
AXIOM, AXIOM Aristos, Ysio, Multix, Luminos, Fluorospot, Mammomat, Mammomat Inspiration, Mammomat Novation
Mammomat Revelation, Mobilett, Polymobil, Artis, ACUSON, ACUSON S2000, ACUSON S3000, ACUSON SC2000, Sequoia, Antares
LightSpeed, LightSpeed VCT, LightSpeed Ultra, LightSpeed Plus, LightSpeed QX/i, LightSpeed Pro 16, LightSpeed Pro 32
LightSpeed RT, LightSpeed RT16, LightSpeed16, BrightSpeed, BrightSpeed Elite, HiSpeed, HiSpeed CT/i, HiSpeed NX/i
Optima CT, Optima CT660, Optima MR, Optima MR360, Optima MR450w, Optima XR, Revolution CT, Revolution EVO
Revolution Apex, Revolution HD, Revolution GSI, Revolution Frontier, Revolution, Discovery CT, Discovery CT750 HD
Discovery LS, Discovery ST, Discovery STE, Discovery RX, Discovery 690, Discovery 710, Discovery MI, Discovery IQ
Discovery NM, Discovery XR, Discovery XR656, DISCOVERY MR450, DISCOVERY MR750, DISCOVERY MR750w
SIGNA, SIGNA Architect, SIGNA Artist, SIGNA Champion, SIGNA Excite, SIGNA Explorer, SIGNA Hero, SIGNA HDx, SIGNA HDxt
SIGNA HDe, SIGNA Pioneer, SIGNA Premier, SIGNA Victor, SIGNA Voyager, SIGNA PET/MR, SIGNA UHP, GENESIS_SIGNA
GENESIS_ZEUS, GENESIS_JUPITER, GENESIS_HISPEED, Brivo, Senographe, Senographe DS, Senographe Essential
Senographe Pristina, Senographe 2000D, Definium, Thunder Platform, Innova, Infinia, Millennium MG, Millennium VG, Ventri
LOGIQ, LOGIQ 7, LOGIQ 9, LOGIQ 700, LOGIQ E9, LOGIQ E10, LOGIQ S8, LOGIQ e, Vivid, Vivid 7, Vivid E9, Vivid E95, Vivid i
Vivid S70, Voluson, Voluson E8, Voluson E10, Venue
Achieva, Achieva dStream, Ingenia, Ingenia Ambition, Ingenia Elition, Ingenia CX, Intera, Gyroscan, Gyroscan Intera
Gyroscan NT, Panorama, Multiva, Prodiva, Brilliance, Brilliance 6, Brilliance 10, Brilliance 16, Brilliance 16P
Brilliance 40, Brilliance 64, Brilliance Big Bore, iCT, iCT 256, iCT SP, Ingenuity, Ingenuity CT, Ingenuity TF, IQon
Incisive CT, Spectral CT, MX8000, MX8000 IDT, Mx16, GEMINI, GEMINI TF, Vereos, Precedence, BrightView, Forte
DigitalDiagnost, digital DIAGNOST, BuckyDiagnost, Essenta, MobileDiagnost, PCR Eleva, MicroDose, Allura, Azurion
iU22, iE33, EPIQ, EPIQ 5, EPIQ 7, CX50, HDI 5000, Affiniti, ClearVue, ClearVue 650, Sparq, Lumify
Aquilion, Aquilion CX, Aquilion ONE, Aquilion PRIME, Aquilion Lightning, Aquilion LB, Asteion, Activion, Alexion
Vantage, Vantage Titan, Vantage Elan, Vantage Orian, Vantage Galan, Excelart, MRT50H1, MRT200, Infinix, Aplio, Xario
Nemio, CXDI, FCR, FCR XG, FCR Capsula, FDR, FDR D-EVO, AMULET, CR-IR, XG5000, ADC, ADC_51, CR 30-X, CR 35-X, CR 75
CR 85, CR10-X, DX-D, DX-G, DX-M, DRX, DRX-1, DRX-Evolution, DRX-Revolution, DirectView, CR 850, CR 950, CR 975
Classic CR, Elite CR, Selenia, Selenia Dimensions, Lorad Selenia, 3Dimensions, Clarity, Horizon, Aixplorer
uMR, uMR 570, uMR 770, uMR 780, uMR 790, uMR 890, uCT, uCT 510, uCT 530, uCT 760, uCT 780, uMI, uPMR, uDR
REGIUS, AeroDR, Xpress, Scenaria, Echelon, Oasis, Airis, Aperto, ECLOS, ProSound, HI VISION, DC-3, DC-7, DC-8, DC-30
Resona, RS80A, RS85, GM85, GC85, XGEO, Accuvix, SonoAce, WS80A, M-Turbo, MicroMaxx, X-Porte, RADspeed, MobileDaRt
Sonialvision, NeuViz, MyLab, S-scan, O-scan, G-scan, Nuance, Giotto, Statscan, ddR, TrueBeam, VitalBeam, Halcyon
BioSpec, PharmaScan, Swoop, Cirrus, Spectralis, Aperio AT2, Aperio GT450
""".splitlines()
    for name in line.split(", ")
    if name
)
"""Products; where several begin a file's own text, the longest counts."""
