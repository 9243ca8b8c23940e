/** The newest characters of a text that may be endless. */
export interface Tail {
  push(text: string): void;
  text(): string;
}

export const createTail = (maxCharacters: number): Tail => {
  let kept = '';
  return {
    push: (text) => {
      kept = (kept + text).slice(-maxCharacters);
    },
    text: () => kept.trim(),
  };
};
