/**
 * Allowed endpoints of a provider: generating, counting, embedding and listing; nothing that manages an account or
 * stores data. Base URLs follow each vendor's convention: OpenAI-compatible ones end with the version (`…/v1`), the
 * others do not.
 */
import type { ModelProvider } from '../../config/config.ts';
import type { RequestTable } from './request-rules.ts';
import { REQUEST_TABLES } from './request-tables.ts';

export interface Endpoint {
  /** Appended to the provider's base URL. */
  readonly path: string;
  /** Whether responses cost tokens and are recorded in the ledger. */
  readonly generates: boolean;
  /** Chat Completions: the only API whose streams report usage only on request. */
  readonly isChat: boolean;
  /** The forwarded body; undefined when there is none. */
  readonly table: RequestTable | undefined;
  /** When the URL names the model (Gemini). */
  readonly model: string | undefined;
}

interface Pattern {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  readonly generates?: true;
  readonly isChat?: true;
  readonly table?: keyof typeof REQUEST_TABLES;
}

const ALLOWED: Readonly<Record<ModelProvider['wire'], readonly Pattern[]>> = {
  openai: [
    { method: 'POST', path: /^\/chat\/completions$/, generates: true, isChat: true, table: 'chat' },
    { method: 'POST', path: /^\/responses$/, generates: true, table: 'responses' },
    { method: 'POST', path: /^\/embeddings$/, generates: true, table: 'embeddings' },
    { method: 'GET', path: /^\/models(\/[^?]+)?$/ },
  ],
  anthropic: [
    { method: 'POST', path: /^\/v1\/messages$/, generates: true, table: 'messages' },
    { method: 'POST', path: /^\/v1\/messages\/count_tokens$/, table: 'messages' },
    { method: 'GET', path: /^\/v1\/models(\/[^?]+)?$/ },
  ],
  gemini: [
    {
      method: 'POST',
      path: /^\/v1(?:beta)?\/models\/([^/:]+):(?:generateContent|streamGenerateContent)$/,
      generates: true,
      table: 'generateContent',
    },
    { method: 'POST', path: /^\/v1(?:beta)?\/models\/([^/:]+):countTokens$/, table: 'countTokens' },
    {
      method: 'POST',
      path: /^\/v1(?:beta)?\/models\/([^/:]+):(?:embedContent|batchEmbedContents)$/,
      table: 'embedContent',
    },
    { method: 'GET', path: /^\/v1(?:beta)?\/models(\/[^?]+)?$/ },
  ],
};

/** Plain path segments: nothing that an upstream could interpret as another path. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.:@~-]+)+$/;
const MAX_PATH_CHARACTERS = 500;

/** Undefined when it is not allowed. */
export const findEndpoint = (
  wire: ModelProvider['wire'],
  method: string | undefined,
  path: string,
): Endpoint | undefined => {
  if (path.length > MAX_PATH_CHARACTERS || !PLAIN_PATH.test(path)) return undefined;
  const own = wire === 'openai' ? path.replace(/^\/v1(?=\/)/, '') : path;
  for (const pattern of ALLOWED[wire]) {
    const match = pattern.method === method ? pattern.path.exec(own) : null;
    if (match === null) continue;
    return {
      path: own,
      generates: pattern.generates === true,
      isChat: pattern.isChat === true,
      table: pattern.table === undefined ? undefined : REQUEST_TABLES[pattern.table],
      model: wire === 'gemini' && pattern.method === 'POST' ? match[1] : undefined,
    };
  }
  return undefined;
};

/** Only query parameters that affect the response format are forwarded; a key is not. */
export const upstreamUrl = (baseUrl: string, endpoint: Endpoint, query: URLSearchParams): URL => {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '') + endpoint.path;
  for (const name of ['alt', 'beta', 'limit', 'after_id', 'before_id', 'pageSize', 'pageToken']) {
    const value = query.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
};
