/** The reference pages, from the contract. */
import * as contract from '@berth/contract';
import {
  ERRORS,
  type ErrorShape,
  EVENTS,
  isFinal,
  KINDS,
  ROUTES,
  type RouteShape,
  type Table,
} from '@berth/contract';
import { fieldsOf } from './fields.ts';
import { page, table } from './page.ts';

const SOURCE = 'packages/contract';

export const routesPage = (): string =>
  page('Routes', SOURCE, [
    'Every route takes `Authorization: Bearer <token>`, except public ones. A name is the same everywhere: route `task.create`, ' +
      '`client.tasks.create()`, `berth task create`.',
    ...Object.entries(Object.groupBy(ROUTES as readonly RouteShape[], ({ id }) => nounOf(id))).flatMap(
      ([noun, routes = []]) => [`## ${noun}`, ...routes.flatMap(routeSection)],
    ),
  ]);

const routeSection = (route: RouteShape): string[] => [
  `### ${route.id}`,
  `\`${route.method} ${route.path}\` · ${route.role === 'public' ? 'public' : `role ${route.role}`}` +
    ` · answers ${route.status ?? 200}${ANSWERS[route.answers ?? 'json']}${route.idempotent ? ' · honours `Idempotency-Key`' : ''}`,
  `${route.summary}.`,
  ...fieldTable([
    ...fieldsOf(route.params, 'path'),
    ...fieldsOf(route.query, 'query'),
    ...fieldsOf(route.body, 'body'),
    ...(route.bytesIn
      ? [{ name: '(bytes)', type: 'application/octet-stream', place: 'body', required: true }]
      : []),
  ]),
  ...(route.errors.length === 0
    ? []
    : [`Errors: ${route.errors.map((code) => `[\`${code}\`](errors.md)`).join(', ')}.`]),
];

const ANSWERS = {
  json: '',
  events: ' as an event stream',
  bytes: ' as bytes',
  text: ' as text',
  socket: ' as a WebSocket',
};

const fieldTable = (fields: ReturnType<typeof fieldsOf>): string[] =>
  fields.length === 0
    ? []
    : [
        table(
          ['field', 'in', 'type', 'required'],
          fields.map(({ name, place, type, required }) => [
            `\`${name}\``,
            place,
            type,
            required ? 'yes' : '',
          ]),
        ),
      ];

export const eventsPage = (): string =>
  page('Events', SOURCE, [
    'Facts with a sequence number, written in the same transaction as the change they report. Follow them at `GET /v1/events`.',
    table(
      ['type', 'version', 'data'],
      EVENTS.map(({ type, version, data }) => [
        `\`${type}\``,
        String(version),
        fieldsOf(data, 'body')
          .map(({ name, required }) => `\`${name}${required ? '' : '?'}\``)
          .join(', '),
      ]),
    ),
  ]);

export const errorsPage = (): string =>
  page('Errors', SOURCE, [
    'Every failure has a code. Its kind alone decides the HTTP status, the exit code of the CLI and whether a retry can help.',
    table(
      ['kind', 'HTTP', 'CLI exit', 'retry'],
      Object.entries(KINDS).map(([kind, { status, exit, retry }]) => [
        kind,
        String(status),
        String(exit),
        retry ? 'yes' : 'no',
      ]),
    ),
    table(
      ['code', 'kind', 'details', 'what to do'],
      Object.entries(ERRORS as Record<string, ErrorShape>).map(([code, shape]) => [
        `\`${code}\``,
        shape.kind,
        fieldsOf(shape.data, 'body')
          .map(({ name }) => `\`${name}\``)
          .join(', '),
        shape.hint ?? '',
      ]),
    ),
  ]);

export const statesPage = (): string =>
  page('States', SOURCE, [
    'Every transition is a fact: the trigger `created` of a sandbox is the event `sandbox.created`. A transition that is not listed is refused with `state.illegal`.',
    ...stateTables().flatMap(([noun, states]) => [
      `## ${noun}`,
      table(
        ['state', 'moves'],
        Object.entries(states).map(([state, moves]) => [
          state,
          isFinal(states, state)
            ? 'the end'
            : Object.entries(moves)
                .map(([trigger, to]) => `${trigger} → ${to}`)
                .join(', '),
        ]),
      ),
    ]),
  ]);

const stateTables = (): [noun: string, states: Table][] =>
  Object.entries(contract as Record<string, unknown>)
    .filter(([name]) => name.endsWith('States'))
    // Every export of the contract with this suffix is a state table.
    .map(([name, states]): [string, Table] => [name.replace(/States$/, ''), states as Table])
    .sort(([a], [b]) => (a < b ? -1 : 1));

const nounOf = (id: string) => id.split('.')[0] ?? id;
