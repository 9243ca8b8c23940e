/**
 * What may be asked of a provider: generating, counting, embedding and listing; nothing that manages an account or
 * keeps data. Base URLs follow each vendor's own custom: OpenAI-compatible ones end with the version (`…/v1`), the
 * others do not.
 */
import type { ModelProvider } from '../../config/config.ts';
import type { RequestTable } from './request-rules.ts';
import { REQUEST_TABLES } from './request-tables.ts';

export interface Endpoint {
  /** In front of which the provider's base URL is put. */
  readonly path: string;
  /** Answers cost tokens and are written into the ledger. */
  readonly generates: boolean;
  /** Chat Completions: the only one that must be asked to say what a stream cost. */
  readonly isChat: boolean;
  /** What is passed on of a body; undefined where none is. */
  readonly table: RequestTable | undefined;
  /** Where the address names the model (Gemini). */
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

/** A path of plain segments: nothing that a server further on could read as another path. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.:@~-]+)+$/;
const MAX_PATH_CHARACTERS = 500;

/** Undefined when it is not among what is allowed. */
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

/** Of the query only what changes the form of the answer is passed on; a key in it is not. */
export const upstreamUrl = (baseUrl: string, endpoint: Endpoint, query: URLSearchParams): URL => {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '') + endpoint.path;
  for (const name of ['alt', 'beta', 'limit', 'after_id', 'before_id', 'pageSize', 'pageToken']) {
    const value = query.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
};
