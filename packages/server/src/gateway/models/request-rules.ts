/**
 * Validates a request against the allow-list of its API (`request-tables.ts`). The result is the re-serialised
 * request, so that no other parser reads it differently, and the URLs in it.
 */
import { fail } from '@berth/contract';

export type Rule =
  /** Data of the model or the client; nobody fetches or runs it. */
  | { readonly kind: 'data' }
  /** Settings and names. A URL anywhere in it may be fetched by the provider. */
  | { readonly kind: 'plain' }
  /** `data:`, or a URL that the provider fetches. */
  | { readonly kind: 'address' }
  /** Asks the provider to fetch, run or store something. `false` and empty values do not. */
  | { readonly kind: 'refused' }
  /** Removed silently; a list that becomes empty is refused. */
  | { readonly kind: 'dropped' }
  /** A model name. */
  | { readonly kind: 'model' }
  /** One value, or a list of them; strings are data. */
  | { readonly kind: 'list'; readonly of: Rule }
  | {
      readonly kind: 'object';
      readonly fields: Fields;
      /** What is not among the fields. */
      readonly others: 'plain' | 'refused';
      /** Required members: without them the provider would look up the item by its `id`. */
      readonly needs?: readonly string[];
      /** Without this member `id` is removed as well, since it would be looked up. */
      readonly backing?: string | undefined;
      /** The rule for a string in its place; without it strings are refused. */
      readonly text?: Rule;
    }
  /** By the member `type`; in a name a trailing `*` matches anything, `#` a date of eight digits. */
  | { readonly kind: 'typed'; readonly types: Fields; readonly untyped: Rule };

export type Fields = Readonly<Record<string, Rule>>;

export interface RequestTable {
  readonly rule: Rule;
  /** Always overwritten. */
  readonly always: Readonly<Record<string, unknown>>;
  /** Protocol buffers treat `file_data` and `fileData` as equal. */
  readonly eitherCase: boolean;
}

export interface Link {
  readonly path: string;
  readonly address: string;
}

export interface Judged {
  readonly request: Readonly<Record<string, unknown>>;
  readonly links: readonly Link[];
  /** Paths of what was removed. */
  readonly dropped: readonly string[];
}

const PROVIDER_SIDE =
  'the provider itself would fetch, run or store it, which no egress policy allows; remove it, or use a tool that runs in the sandbox';
/** An item without content is looked up in the server's account. */
const REFERENCE = 'it is required: without it this would refer to something stored at the provider';
const SEARCHES = 'models with this suffix search the network themselves; request the model without it';
const UNKNOWN = 'it is not forwarded to providers; remove it';

/** Rejects with `request.invalid`, naming the path. */
export const judgeRequest = (table: RequestTable, body: unknown): Judged => {
  if (!isRecord(body)) throw refused([], 'it must be a JSON object');
  const pass = { eitherCase: table.eitherCase, links: [], dropped: [] };
  const request = judge(pass, table.rule, body, []);
  if (!isRecord(request)) throw refused([], UNKNOWN);
  return { request: { ...request, ...table.always }, links: pass.links, dropped: pass.dropped };
};

interface Pass {
  readonly eitherCase: boolean;
  readonly links: Link[];
  readonly dropped: string[];
}
type Path = readonly (string | number)[];

const DROPPED = Symbol('dropped');

const judge = (pass: Pass, rule: Rule, value: unknown, path: Path): unknown => {
  if (value === null) return value;
  switch (rule.kind) {
    case 'data':
      return value;
    case 'plain':
      findAddresses(pass, value, path);
      return value;
    case 'address':
      return judgeAddress(pass, value, path);
    case 'refused':
      if (value === false || value === '' || (Array.isArray(value) && value.length === 0)) return value;
      throw refused(path, PROVIDER_SIDE);
    case 'model':
      return judgeModel(value, path);
    case 'dropped':
      pass.dropped.push(written(path));
      return DROPPED;
    case 'list':
      return judgeList(pass, rule.of, value, path);
    case 'object':
      return judgeObject(pass, rule, value, path);
    case 'typed':
      return judgeTyped(pass, rule, value, path);
  }
};

const judgeList = (pass: Pass, rule: Rule, value: unknown, path: Path): unknown => {
  const entries = Array.isArray(value) ? value : [value];
  const kept = entries
    .map((entry, index) => judgeEntry(pass, rule, entry, Array.isArray(value) ? [...path, index] : path))
    .filter((entry) => entry !== DROPPED);
  if (kept.length === 0 && entries.length > 0) throw refused(path, PROVIDER_SIDE);
  return Array.isArray(value) ? kept : kept[0];
};

const judgeEntry = (pass: Pass, rule: Rule, entry: unknown, path: Path): unknown => {
  if (typeof entry === 'string') return entry;
  if (Array.isArray(entry) && rule.kind !== 'plain') throw refused(path, 'it must not be a list');
  return judge(pass, rule, entry, path);
};

const judgeObject = (
  pass: Pass,
  { fields, others, needs = [], backing, text }: Extract<Rule, { kind: 'object' }>,
  value: unknown,
  path: Path,
): unknown => {
  if (typeof value === 'string' && text !== undefined) return judge(pass, text, value, path);
  if (!isRecord(value)) throw refused(path, 'it must be an object');
  const missing = needs.find((name) => isNothing(value, name));
  if (missing !== undefined) throw refused([...path, missing], REFERENCE);
  const judged = Object.entries(value).flatMap(([name, member]) => {
    const at = [...path, name];
    if (name === 'id' && backing !== undefined && isNothing(value, backing)) return [];
    const rule = find(fields, pass.eitherCase ? camelCased(name) : name);
    if (rule === undefined && others === 'refused' && member !== null) throw refused(at, UNKNOWN);
    const result = judge(
      pass,
      rule ?? (STORED.has(name) ? { kind: 'refused' } : { kind: 'plain' }),
      member,
      at,
    );
    return result === DROPPED ? [] : [[name, result] as const];
  });
  return Object.fromEntries(judged);
};

const judgeTyped = (
  pass: Pass,
  { types, untyped }: Extract<Rule, { kind: 'typed' }>,
  value: unknown,
  path: Path,
): unknown => {
  if (!isRecord(value) || value.type === undefined || value.type === null)
    return judge(pass, untyped, value, path);
  const rule = typeof value.type === 'string' ? find(types, value.type) : undefined;
  if (rule === undefined) throw refused([...path, 'type'], UNKNOWN);
  return judge(pass, rule, value, rule.kind === 'refused' ? [...path, 'type'] : path);
};

/** OpenRouter's short form of its search plugin. */
const judgeModel = (value: unknown, path: Path): unknown => {
  if (typeof value !== 'string') throw refused(path, 'it must be a string');
  if (/:online\s*$/i.test(value)) throw refused(path, SEARCHES);
  return value;
};

/** An empty text or list counts as missing when there is an id to look up. */
const isNothing = (value: Readonly<Record<string, unknown>>, name: string): boolean => {
  const member = Object.hasOwn(value, name) ? value[name] : undefined;
  if (member === undefined || member === null) return true;
  return Object.hasOwn(value, 'id') && (member === '' || (Array.isArray(member) && member.length === 0));
};

const find = (fields: Fields, name: string): Rule | undefined => {
  if (Object.hasOwn(fields, name)) return fields[name];
  const family = Object.keys(fields).find(
    (key) =>
      (key.endsWith('*') && name.startsWith(key.slice(0, -1))) ||
      (key.endsWith('#') && name.startsWith(key.slice(0, -1)) && /^\d{8}$/.test(name.slice(key.length - 1))),
  );
  return family === undefined ? undefined : fields[family];
};

const camelCased = (name: string): string =>
  name.replace(/(?<=.)_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const judgeAddress = (pass: Pass, value: unknown, path: Path): unknown => {
  if (typeof value !== 'string') throw refused(path, 'it must be a string');
  if (!/^data:/i.test(value)) pass.links.push({ path: written(path), address: value });
  return value;
};

/**
 * As lenient as the most lenient URL parser: whatever it could read as a URL is checked as one. For http and https
 * such a parser needs no slashes, ignores tabs and line ends anywhere, and accepts a bare host name.
 */
const ADDRESS =
  /^[\s\p{Cc}]*(?:[a-z][\w+.-]*:[\\/]{2}|(?:https?|wss?|ftp|file):[\\/]*[^\s\\/]|(?:[\\/]{2})?(?:[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|\d+(?:\.\d+){3}|\[[\da-f:.]+\])(?:[:\\/]|$))/iu;
const LEFT_OUT = /[\t\r\n]/g;
const LONGEST_HOST = 260;

/** References to content stored at the provider under the server's key. */
const STORED: ReadonlySet<string> = new Set(['file_id', 'fileId', 'file_ids', 'vector_store_ids']);

const findAddresses = (pass: Pass, value: unknown, path: Path): void => {
  if (typeof value === 'string') {
    if (ADDRESS.test(value.slice(0, LONGEST_HOST).replaceAll(LEFT_OUT, ''))) judgeAddress(pass, value, path);
  } else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) {
      const at = [...path, name];
      if (STORED.has(name)) judge(pass, { kind: 'refused' }, member, at);
      findAddresses(pass, member, at);
    }
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MAX_PATH_CHARACTERS = 200;

const written = (path: Path): string => path.join('.').slice(0, MAX_PATH_CHARACTERS) || 'body';

export const refused = (path: Path, message: string) =>
  fail('request.invalid', { issues: [{ path: written(path), message }] });
