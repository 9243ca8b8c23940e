/** Nothing that hides reaches a screen, and ordinary text of every language does as it is. */
import { expect, it } from 'vitest';
import { escapeControls } from './controls.ts';

const HIDDEN = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad],
  [0x34f],
  [0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff],
  [0xffa0],
  [0xfff9, 0xfffb],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe007f],
  [0xe0100, 0xe01ef],
] as const;

const PLAIN = /^main(?:\\u[0-9a-f]{4}){1,2}$/;

it('writes out every character that is drawn as nothing, wherever it stands beside letters', () => {
  for (const [from, to = from] of HIDDEN)
    for (let code = from; code <= to; code++) {
      const one = String.fromCodePoint(code);
      expect(escapeControls(`main${one}`), code.toString(16)).toMatch(PLAIN);
      expect(JSON.parse(`"${escapeControls(`a${one}b`)}"`)).toBe(`a${one}b`);
    }
});

it('keeps of these what emoji and words need, and only there', () => {
  const texts = ['👩‍💻 ❤️ 1️⃣ 👍🏽 ✔︎', '👩🏽‍🚀', 'می‌خواهم', 'क्‍ष', 'Zürich 東京 한국어 ไทย', '👨‍👩‍👧‍👦'];
  for (const text of texts) expect(escapeControls(text)).toBe(text);
  expect(escapeControls('a\u200db 1\ufe0f 👩\u200d')).toBe('a\\u200db 1\\ufe0f 👩\\u200d');
  expect(escapeControls('a\n\tb\u001b', '\n\t')).toBe('a\n\tb\\u001b');
});
