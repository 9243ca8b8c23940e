/** Fills the JSON schema of a tool from the few values of a verb, whatever the tool's parameter names. */
import { type Loose, list, record, string } from './wire.ts';

const PARAMETER_NAMES: Readonly<Record<string, readonly string[]>> = {
  path: ['filepath', 'file_path', 'path', 'absolute_path', 'filename', 'target_file', 'abspath', 'file'],
  content: ['content', 'contents', 'text', 'file_content', 'file_text', 'new_text'],
  old: ['oldstring', 'old_string', 'oldtext', 'old_str', 'old_text', 'search'],
  new: ['newstring', 'new_string', 'newtext', 'new_str', 'new_text', 'replace'],
  command: ['command', 'cmd', 'commands', 'script'],
};

export const fillSchema = (schema: Loose, values: Readonly<Record<string, string>>): Loose => {
  const required = new Set(list(schema.required));
  const unused = new Map(Object.entries(values));
  const filled: Record<string, unknown> = {};
  for (const [key, raw] of Object.entries(record(schema.properties))) {
    const parameter = variantOf(raw);
    const name = [...unused.keys()].find((value) => PARAMETER_NAMES[value]?.includes(key.toLowerCase()));
    if (name !== undefined) {
      filled[key] = shaped(key, parameter, { name, text: unused.get(name) ?? '' });
      unused.delete(name);
    } else if (isListOfObjects(parameter) && /edits|files|changes/i.test(key)) {
      filled[key] = [fillSchema(variantOf(parameter.items), Object.fromEntries(unused))];
      unused.clear();
    } else if (required.has(key)) filled[key] = filler(parameter);
  }
  return filled;
};

/** An argv-style shell takes a login shell with the command; lists take one element. */
const shaped = (key: string, parameter: Loose, value: { name: string; text: string }): unknown => {
  if (parameter.type !== 'array') return value.text;
  const item = variantOf(parameter.items);
  if (item.type === 'object') return [fillSchema(item, { [value.name]: value.text })];
  return /^(command|cmd)$/i.test(key) ? ['bash', '-lc', value.text] : [value.text];
};

const isListOfObjects = (parameter: Loose): boolean =>
  parameter.type === 'array' && variantOf(parameter.items).type === 'object';

/** The best fillable member of a union; type names in lower case (Gemini uses `OBJECT`). */
const variantOf = (raw: unknown): Loose => {
  const parameter = record(raw);
  const options = [...list(parameter.anyOf), ...list(parameter.oneOf)].map(record);
  const chosen =
    options.find((option) => option.type === 'array') ??
    options.find((option) => option.type !== undefined && option.type !== 'null') ??
    parameter;
  const type = Array.isArray(chosen.type) ? chosen.type.find((one) => one !== 'null') : chosen.type;
  return { ...chosen, type: string(type).toLowerCase() };
};

const filler = (parameter: Loose): unknown => {
  if (parameter.default !== undefined) return parameter.default;
  const choices = list(parameter.enum);
  if (choices.length > 0) return choices[0];
  switch (parameter.type) {
    case 'boolean':
      return false;
    case 'number':
    case 'integer':
      return parameter.minimum ?? 0;
    case 'array':
      return [];
    case 'object':
      return fillSchema(parameter, {});
    default:
      return 'scripted';
  }
};
