import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dashboardRoutes } from './dashboard.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

let root: string;
let app: FastifyInstance;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-dashboard-'));
  mkdirSync(join(root, 'dist', 'assets', 'deep'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'secret');
  writeFileSync(join(root, 'dist', 'index.html'), '<p>the page</p>');
  writeFileSync(join(root, 'dist', 'assets', 'index-1.js'), 'run()');
  writeFileSync(join(root, 'dist', 'assets', 'index-1.css'), 'p{}');
  writeFileSync(join(root, 'dist', 'assets', 'deep', 'x.js'), 'deep');
  app = fastify();
  dashboardRoutes(app, join(root, 'dist'));
});
afterAll(async () => {
  await app.close();
  rmSync(root, { recursive: true });
});

test('serves the page under the strict policy', async () => {
  const { statusCode, headers, body } = await app.inject('/');
  expect([statusCode, headers['content-type'], body]).toEqual([
    200,
    'text/html; charset=utf-8',
    '<p>the page</p>',
  ]);
  expect(headers['content-security-policy']).toBe(POLICY);
  expect(headers['cache-control'] ?? '').not.toContain('max-age');
});

test.each([
  ['index-1.js', 'text/javascript; charset=utf-8', 'run()'],
  ['index-1.css', 'text/css; charset=utf-8', 'p{}'],
])('serves %s for a year', async (name, type, content) => {
  const { headers, body } = await app.inject(`/assets/${name}`);
  expect([headers['content-type'], body]).toEqual([type, content]);
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
});

test.each([
  '/assets/',
  '/assets/none.js',
  '/assets/deep/x.js',
  '/assets/../index.html',
  '/assets/..%2f..%2fsecret.txt',
  '/assets/%2e%2e/%2e%2e/secret.txt',
  '/assets/....//secret.txt',
  '//etc/passwd',
  '/index.html',
])('knows nothing of %s', async (url) => {
  expect((await app.inject(url)).statusCode).toBe(404);
});

test.each([undefined, '/nonexistent/dist'])('says how to build what is not in %s', async (folder) => {
  const bare = fastify();
  dashboardRoutes(bare, folder);
  const { statusCode, headers, body } = await bare.inject('/');
  expect([statusCode, headers['content-security-policy']]).toEqual([200, POLICY]);
  expect(body).toContain('npm run prepare');
  await bare.close();
});
