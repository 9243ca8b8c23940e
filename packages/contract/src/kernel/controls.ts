/**
 * Characters that are orders and not text. A terminal obeys C0, DEL and C1 controls (they move, write the clipboard, hide);
 * controls of direction make a text look like another one; separators of lines end one where nobody sees it.
 */
const CONTROLS = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** With every one of them written out, as JSON would (`\u001b`), but for those to be kept. */
export const escapeControls = (text: string, kept = ''): string =>
  text.replace(CONTROLS, (one) =>
    kept.includes(one) ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
