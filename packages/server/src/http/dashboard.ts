/**
 * The dashboard: prebuilt files, read at server start. Each has its own route, so any other path does not exist,
 * whatever it contains. The page may only load from and connect to this server.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The build names these by content hash. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Berth</title>
<h1>Berth runs</h1>
<p>The dashboard was not built; <code>npm run prepare</code> builds it, and the server shows it from its next start on.</p>
<p>The interface for programs is described at <a href="/docs">/docs</a>.</p>
</html>
`;

/** `folder` holds `index.html` and `assets`; a missing folder means the dashboard was not built. */
export const dashboardRoutes = (app: FastifyInstance, folder: string | undefined): void => {
  const page = folder === undefined ? undefined : readOrNone(() => readFileSync(join(folder, 'index.html')));
  app.get('/', (_request, reply) =>
    reply
      .header('content-security-policy', POLICY)
      .type('text/html; charset=utf-8')
      .send(page ?? NOT_BUILT),
  );
  if (folder === undefined || page === undefined) return;
  for (const name of namesIn(join(folder, 'assets'))) {
    const content = readFileSync(join(folder, 'assets', name));
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    app.get(`/assets/${name}`, (_request, reply) =>
      reply.header('cache-control', FOR_EVER).type(type).send(content),
    );
  }
};

/** Plain files with names that contain no router pattern. */
const namesIn = (folder: string): readonly string[] =>
  (readOrNone((): Dirent[] => readdirSync(folder, { withFileTypes: true })) ?? [])
    .filter((entry) => entry.isFile() && /^[\w.-]+$/.test(entry.name))
    .map(({ name }) => name);

const readOrNone = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};
