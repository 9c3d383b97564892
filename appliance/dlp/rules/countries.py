"""States as people write them below an address: in English, and where that is another word in German, French, Italian or Spanish."""

from typing import Final

COUNTRIES: Final = (
    "Afghanistan|Albania|Algeria|American Samoa|Andorra|Angola|Anguilla|Antarctica|Antigua and Barbuda|Argentina|Armenia|Aruba|Australia|Austria|Azerbaijan"
    "|Bahamas|Bahrain|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bermuda|Bhutan|Bolivia|Bosnia and Herzegovina|Botswana|Brazil|Brunei(?: Darussalam)?"
    "|Bulgaria|Burkina Faso|Burundi|Cabo Verde|Cape Verde|Cambodia|Cameroon|Canada|Cayman Islands|Central African Republic|Chad|Chile|China|Colombia|Comoros"
    "|(?:Democratic )?Republic of the Congo|Congo|Cook Islands|Costa Rica|C[ôo]te d'Ivoire|Croatia|Cuba|Curaçao|Cyprus|Czech Republic|Czechia|Denmark|Djibouti"
    "|Dominican Republic|Dominica|East Timor|Timor-Leste|Ecuador|Egypt|El Salvador|Equatorial Guinea|Eritrea|Estonia|Eswatini|Ethiopia|Falkland Islands"
    "|Faroe Islands|Fiji|Finland|France|French Guiana|French Polynesia|Gabon|Gambia|Georgia|Germany|Ghana|Gibraltar|Greece|Greenland|Grenada|Guadeloupe|Guam"
    "|Guatemala|Guernsey|Guinea-Bissau|Guinea|Guyana|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Isle of Man|Israel|Italy"
    "|Ivory Coast|Jamaica|Japan|Jersey|Jordan|Kazakhstan|Kenya|Kiribati|North Korea|South Korea|Korea|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon|Lesotho"
    "|Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Macao|Macau|North Macedonia|Macedonia|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|Marshall Islands"
    "|Martinique|Mauritania|Mauritius|Mayotte|Mexico|Micronesia|Moldova|Monaco|Mongolia|Montenegro|Montserrat|Morocco|Mozambique|Myanmar|Namibia|Nauru|Nepal"
    "|(?:The )?Netherlands|New Caledonia|New Zealand|Nicaragua|Nigeria|Niger|Niue|Norway|Oman|Pakistan|Palau|Palestine|Panama|Papua New Guinea|Paraguay|Peru"
    "|Philippines|Poland|Portugal|Puerto Rico|Qatar|Reunion|Romania|Russian Federation|Russia|Rwanda|Saint Kitts and Nevis|Saint Lucia"
    "|Saint Vincent and the Grenadines|Samoa|San Marino|Sao Tome and Principe|Saudi Arabia|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|Slovakia"
    "|Slovak Republic|Slovenia|Solomon Islands|Somalia|South Africa|South Sudan|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan"
    "|Tanzania|Thailand|Togo|Tonga|Trinidad and Tobago|Tunisia|Turkey|Türkiye|Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates|UAE|United Kingdom|Great Britain"
    "|England|Scotland|Wales|Northern Ireland|U\\.?K\\.?|United States(?: of America)?|U\\.?S\\.?(?:A\\.?)?|Uruguay|Uzbekistan|Vanuatu|Vatican City|Venezuela|Viet ?nam|Yemen"
    "|Zambia|Zimbabwe"
    "|Ägypten|Argentinien|Australien|Belgien|Belgique|Brasilien|Brasil|Bulgarien|Dänemark|Deutschland|Allemagne|Estland|Finnland|Frankreich|Griechenland"
    "|Großbritannien|Indien|Irland|Island|Italien|Italia|Kanada|Kroatien|Lettland|Litauen|Luxemburg|Mexiko|México|Neuseeland|Niederlande|Nederland|Norwegen|Österreich"
    "|Autriche|Polen|Polska|Rumänien|Russland|Schweden|Schweiz|Suisse|Svizzera|Serbien|Slowakei|Slowenien|Spanien|España|Südafrika|Tschechien|Türkei|Ukraina|Ungarn"
    "|Vereinigtes Königreich|Vereinigte Staaten|Royaume-Uni|États-Unis|Estados Unidos|Zypern"
)
"""One alternative of a pattern; longer names stand before those that they begin with."""
