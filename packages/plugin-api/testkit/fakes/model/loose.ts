/** Reading JSON whose shape nobody promised: each reader gives an empty value where something else is found. */
export type Loose = Readonly<Record<string, unknown>>;

export const record = (value: unknown): Loose =>
  // A JSON object is a record of unknown values by construction.
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const records = (value: unknown): readonly Loose[] => list(value).map(record);

export const string = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The text of a message content: a string, a part with `text`, or a list of those. */
export const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(textOf).join('\n');
  return string(record(content).text);
};
