/** The reference page: every route, error and event of the contract on one self-contained page. */
import { ERRORS, type ErrorShape, EVENTS, KINDS, nounOf, ROUTES, type RouteShape } from '@berth/contract';
import { z } from 'zod';
import { SCRIPT, STYLE } from './docs-assets.ts';

export interface DocsPage {
  readonly html: string;
  /** The only script and the only style of the page, for the hashes of its content security policy. */
  readonly script: string;
  readonly style: string;
}

export const docsPage = (version: string): DocsPage => {
  const nouns = [...new Set(ROUTES.map(nounOf))];
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Berth reference</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Berth <small>${escapeHtml(version)}</small></h1>
<label>Search <input id="search" type="search" autocomplete="off" placeholder="sandbox.create, exec, 409, …"></label>
<nav aria-label="Sections">${[...nouns, 'errors', 'events'].map(navLink).join(' ')}</nav>
<p>Send <code>Authorization: Bearer &lt;token&gt;</code>. Errors answer <code>{"error":{"code","message","details","hint"}}</code>.
The same as data: <a href="/openapi.json">openapi.json</a>.</p>
</header>
<main>
${nouns.map(nounSection).join('\n')}
<section id="errors"><h2>Errors</h2>${Object.entries(ERRORS).map(errorEntry).join('\n')}</section>
<section id="events"><h2>Events</h2>${EVENTS.map((event) => entry(event.type, '', '', schemaBlock('Data', event.data))).join('\n')}</section>
<p id="nothing" hidden>Nothing matches.</p>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
  return { html, script: SCRIPT, style: STYLE };
};

const navLink = (name: string): string => `<a href="#${name}">${name}</a>`;

const nounSection = (noun: string): string => {
  const routes: readonly RouteShape[] = ROUTES;
  const entries = routes.filter((route) => nounOf(route) === noun).map(routeEntry);
  return `<section id="${noun}"><h2>${noun}</h2>${entries.join('\n')}</section>`;
};

const routeEntry = (route: RouteShape): string => {
  const facts = [
    `role ${route.role}`,
    `answers ${route.status ?? 200} ${route.answers ?? 'json'}`,
    ...(route.idempotent ? ['Idempotency-Key'] : []),
  ];
  const errors = route.errors.map((code) => `<a href="#${code}">${code}</a>`).join(', ');
  const details = [
    `<p>${facts.join(' · ')}</p>`,
    schemaBlock('Path', route.params),
    schemaBlock('Query', route.query),
    route.bytesIn ? '<h4>Body</h4><p>application/octet-stream</p>' : schemaBlock('Body', route.body),
    (route.answers ?? 'json') === 'json' || route.answers === 'events'
      ? schemaBlock('Answer', route.returns)
      : '',
    errors === '' ? '' : `<h4>Errors</h4><p>${errors}</p>`,
  ];
  const head = `<span class="method">${route.method}</span> <code>${escapeHtml(route.path)}</code>`;
  return entry(route.id, head, route.summary, details.join(''));
};

const errorEntry = ([code, shape]: [string, ErrorShape]): string => {
  const { status, exit } = KINDS[shape.kind];
  const facts = `${shape.kind} · HTTP ${status} · exit ${exit}`;
  const hint = shape.hint === undefined ? '' : `<p>${escapeHtml(shape.hint)}</p>`;
  return entry(code, facts, '', hint + schemaBlock('Details', shape.data));
};

const entry = (id: string, head: string, summary: string, details: string): string =>
  `<details id="${id}"><summary><b>${id}</b> ${head} <span class="summary">${escapeHtml(summary)}</span></summary>${details}</details>`;

const schemaBlock = (title: string, schema: z.ZodType | undefined): string => {
  if (schema === undefined) return '';
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return `<h4>${title}</h4><pre>${escapeHtml(JSON.stringify(json, null, 2))}</pre>`;
};

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
