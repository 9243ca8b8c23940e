/**
 * Characters that are control functions, not text. A terminal obeys C0, DEL and C1 controls (they move the cursor,
 * write the clipboard, hide text); bidirectional controls make a text look like another one; line separators end a
 * line invisibly; default-ignorable code points of Unicode (tags, fillers, soft hyphens, selectors) hide text from
 * people and make two names look alike.
 */
const ORDERS = String.raw`[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]`;

/** Scripts whose words need joiners and non-joiners. */
const JOINING = `[${[
  ...['Arabic', 'Syriac', 'Nko', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya'],
  ...['Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
]
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('')}]`;

/** Where ordinary text needs them: joiners in emoji and between such letters, variation selectors of emoji. */
const NEEDED = [
  String.raw`(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=${JOINING})[\u200c\u200d](?=${JOINING})`,
].join('|');

const CONTROLS = new RegExp(`(?:${NEEDED})|(?<order>${ORDERS})`, 'gu');

/** Nearly every text has only line ends and tabs; testing for the rest alone takes a fraction of the time. */
const RARE = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

/** Escapes each of them as JSON would (`\u001b`), except those to keep. */
export const escapeControls = (text: string, kept = ''): string =>
  RARE.test(text)
    ? text.replace(CONTROLS, (one, order: string | undefined) =>
        order === undefined || kept.includes(one) ? one : written(one),
      )
    : text.replace(/[\n\t]/g, (one) => (kept.includes(one) ? one : written(one)));

const written = (one: string): string =>
  Array.from(
    { length: one.length },
    (_, at) => `\\u${one.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
