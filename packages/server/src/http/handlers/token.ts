import type { Store } from '@berth/core';
import type { Tokens } from '../auth/tokens.ts';
import type { HandlersOf } from '../handler-types.ts';
import { pageOfRecords } from './pages.ts';

export const tokenHandlers = (store: Store, tokens: Tokens): HandlersOf<'token'> => ({
  'token.create': async ({ body }) => {
    const { token, secret } = await tokens.create(body);
    return { ...token, secret };
  },
  'token.list': ({ query }) => pageOfRecords(store, 'tokens', query),
  'token.revoke': ({ params }) => tokens.revoke(params.id),
});
