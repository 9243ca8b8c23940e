/**
 * Commands that only call a route. Flags come from the route's schemas (`derive.ts`); this table holds only what a
 * schema cannot express: which fields are positional, and which columns to show.
 */
import type { RouteId } from '@berth/contract';
import type { Context } from './command.ts';
import type { Row } from './output.ts';
import { formatChange, printChange, printTask } from './waiting.ts';
import { formatTask, formatWorkspace } from './workspace-name.ts';

export interface RouteCommand {
  readonly noun: string;
  readonly verb: string;
  readonly route: RouteId;
  /** Positional fields; the last one may be variadic (`repositories…`). */
  readonly positionals?: readonly string[];
  /** Table columns, for lists. */
  readonly columns?: readonly string[];
  /** Shown to people instead of the record. */
  readonly spoken?: (record: Row, context: Context) => Row | Promise<Row>;
  /** An additional note for people, about the record at the first position. */
  readonly tell?: (context: Context, id: string) => Promise<void>;
}

export const ROUTE_COMMANDS: readonly RouteCommand[] = [
  { noun: 'workspace', verb: 'add', route: 'workspace.create', positionals: ['repositories…'] },
  {
    noun: 'workspace',
    verb: 'list',
    route: 'workspace.list',
    columns: ['id', 'name', 'driver', 'repositories'],
    spoken: formatWorkspace,
  },
  { noun: 'workspace', verb: 'show', route: 'workspace.get', positionals: ['id'], spoken: formatWorkspace },
  { noun: 'workspace', verb: 'remove', route: 'workspace.remove', positionals: ['id'] },
  { noun: 'task', verb: 'create', route: 'task.create', positionals: ['prompt'] },
  { noun: 'task', verb: 'list', route: 'task.list', columns: ['id', 'state', 'agent', 'createdAt', 'title'] },
  { noun: 'task', verb: 'show', route: 'task.get', positionals: ['id'], tell: printTask, spoken: formatTask },
  { noun: 'task', verb: 'cancel', route: 'task.cancel', positionals: ['id'] },
  { noun: 'task', verb: 'retry', route: 'task.retry', positionals: ['id'] },
  { noun: 'task', verb: 'prompt', route: 'task.prompt', positionals: ['id', 'prompt'] },
  { noun: 'sandbox', verb: 'create', route: 'sandbox.create' },
  {
    noun: 'sandbox',
    verb: 'list',
    route: 'sandbox.list',
    columns: ['id', 'state', 'driver', 'isolation', 'purpose', 'createdAt'],
  },
  { noun: 'sandbox', verb: 'show', route: 'sandbox.get', positionals: ['id'] },
  { noun: 'sandbox', verb: 'remove', route: 'sandbox.remove', positionals: ['id'] },
  { noun: 'change', verb: 'list', route: 'change.list', columns: ['id', 'state', 'taskId', 'title'] },
  {
    noun: 'change',
    verb: 'show',
    route: 'change.get',
    positionals: ['id'],
    tell: printChange,
    spoken: formatChange,
  },
  { noun: 'change', verb: 'diff', route: 'change.diff', positionals: ['id'], tell: printChange },
  { noun: 'change', verb: 'approve', route: 'change.approve', positionals: ['id'], spoken: formatChange },
  { noun: 'change', verb: 'reject', route: 'change.reject', positionals: ['id'], spoken: formatChange },
  { noun: 'token', verb: 'create', route: 'token.create', positionals: ['name'] },
  {
    noun: 'token',
    verb: 'list',
    route: 'token.list',
    columns: ['id', 'name', 'role', 'lastUsedAt', 'revokedAt'],
  },
  { noun: 'token', verb: 'revoke', route: 'token.revoke', positionals: ['id'] },
];

export const NOUNS: Readonly<Record<string, string>> = {
  workspace: 'repositories, and how to build, check and isolate work on them',
  task: 'units of work for an agent',
  sandbox: 'isolated machines',
  change: 'branches on their way to their target',
  token: 'API tokens and their roles',
};
