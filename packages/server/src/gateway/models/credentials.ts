/** Two kinds of credentials, kept apart: the token of an attempt comes in, the provider's key goes out. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { ModelProvider } from '../../config/config.ts';

/** The token, wherever the agent's client puts its key. */
export const presentedToken = (headers: IncomingHttpHeaders, query: URLSearchParams): string | undefined => {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return (
    bearer ??
    single(headers['x-api-key']) ??
    single(headers['x-goog-api-key']) ??
    query.get('key') ??
    undefined
  );
};

/** Request headers forwarded to a provider: an allow-list. */
const PASSED = ['accept', 'content-type', 'user-agent', 'anthropic-version', 'anthropic-beta', 'openai-beta'];

export const upstreamHeaders = (
  headers: IncomingHttpHeaders,
  provider: ModelProvider,
): OutgoingHttpHeaders => ({
  ...Object.fromEntries(
    PASSED.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  ),
  // Usage must be readable in transit.
  'accept-encoding': 'identity',
  ...keyHeader(provider),
});

const keyHeader = ({ wire, key }: ModelProvider): OutgoingHttpHeaders => {
  if (key === undefined) return {};
  switch (wire) {
    case 'openai':
      return { authorization: `Bearer ${key.reveal()}` };
    case 'anthropic':
      return { 'x-api-key': key.reveal() };
    case 'gemini':
      return { 'x-goog-api-key': key.reveal() };
  }
};

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
