/**
 * Characters that are orders and not text. A terminal obeys C0, DEL and C1 controls (they move, write the clipboard, hide);
 * controls of direction make a text look like another one; separators of lines end one where nobody sees it; what is drawn
 * as nothing (default-ignorable code points of Unicode: tags, fillers, soft hyphens, selectors) hides text from people,
 * and makes two names look alike.
 */
const ORDERS = String.raw`[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]`;

/** Letters that join, or are kept from it, inside the words of their languages. */
const JOINING = `[${[
  ...['Arabic', 'Syriac', 'Nko', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya'],
  ...['Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
]
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('')}]`;

/** Where ordinary text needs them: joiners in emoji and between such letters, the choice of how an emoji is drawn. */
const NEEDED = [
  String.raw`(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=${JOINING})[\u200c\u200d](?=${JOINING})`,
].join('|');

const CONTROLS = new RegExp(`(?:${NEEDED})|(?<order>${ORDERS})`, 'gu');

/** Nearly every text holds none but ends of lines and tabs, and to look for these alone takes a fraction of the time. */
const RARE = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

/** With every one of them written out, as JSON would (`\u001b`), but for those to be kept. */
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
