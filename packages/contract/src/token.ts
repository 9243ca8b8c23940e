/** An API token. Its secret is shown once; the server keeps a hash. */
import { z } from 'zod';
import { TokenId } from './ids.ts';
import { event } from './kernel/event.ts';
import { Role, route } from './kernel/route.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';

export const Token = z
  .object({
    id: TokenId,
    name: z.string(),
    role: Role,
    expiresAt: Instant.optional(),
    lastUsedAt: Instant.optional(),
    revokedAt: Instant.optional(),
    ...recordFields,
  })
  .meta({ id: 'Token' });
export type Token = z.infer<typeof Token>;

export const tokenEvents = [
  event('token.created', 1, z.object({ name: z.string(), role: Role })),
  event('token.revoked', 1, z.object({ name: z.string() })),
];

export const tokenRoutes = [
  route({
    id: 'token.create',
    method: 'POST',
    path: '/v1/tokens',
    body: z.strictObject({
      name: z.string().min(1).max(100),
      role: Role,
      ttlMs: z.int().min(1000).optional(),
    }),
    returns: Token.extend({ /** Shown only this once. */ secret: z.string() }),
    status: 201,
    role: 'owner',
    errors: [],
    summary: 'Make a token',
  }),
  route({
    id: 'token.list',
    method: 'GET',
    path: '/v1/tokens',
    query: z.strictObject(pageQuery),
    returns: pageOf(Token),
    role: 'owner',
    errors: [],
    summary: 'List tokens',
  }),
  route({
    id: 'token.revoke',
    method: 'DELETE',
    path: '/v1/tokens/:id',
    params: z.strictObject({ id: TokenId }),
    returns: Token,
    role: 'owner',
    errors: ['record.missing'],
    summary: 'Revoke a token',
  }),
] as const;
