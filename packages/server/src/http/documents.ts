/** Self-description of the server: the OpenAPI document and the reference page. Both are the same for everyone. */
import { createHash } from 'node:crypto';
import { openApiDocument } from '@berth/contract/openapi';
import type { FastifyInstance } from 'fastify';
import { docsPage } from './docs/docs-page.ts';

export const documentRoutes = (app: FastifyInstance, version: string): void => {
  const openApi = once(() => Buffer.from(JSON.stringify(openApiDocument(version))));
  const docs = once(() => describedPage(version));
  app.get('/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(openApi()),
  );
  app.get('/docs', (_request, reply) => {
    const { html, policy } = docs();
    return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html);
  });
};

/** Rendered on first request, to keep server start fast; all responses share the bytes. */
const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const describedPage = (version: string) => {
  const { html, script, style } = docsPage(version);
  const policy = [
    "default-src 'none'",
    `script-src '${hashSource(script)}'`,
    `style-src '${hashSource(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html: Buffer.from(html), policy };
};

const hashSource = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
