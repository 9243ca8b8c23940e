/** Turns a row of the table into a command: parses the flags, calls the route, prints the result. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { PLURALS, ROUTES, type RouteShape } from '@berth/contract';
import { type Command, Option } from 'commander';
import { type Context, type Frame, type Given, leaf, text } from './command.ts';
import { type Flag, flagsOf } from './derive.ts';
import type { Row } from './output.ts';
import type { RouteCommand } from './route-commands.ts';
import { workspaceIdOf } from './workspace-name.ts';

export const routeCommand = (frame: Frame, spec: RouteCommand): Command => {
  const route: RouteShape = routeOf(spec);
  const positionals = (spec.positionals ?? []).map((name) => ({
    field: name.replace('…', ''),
    syntax: name.endsWith('…') ? `<${name.replace('…', '')}...>` : `<${name}>`,
  }));
  const taken = new Set(positionals.map(({ field }) => field));
  const flags = flagsOf(route).filter(({ field }) => !taken.has(field));
  const command = leaf(frame, spec.verb, route.summary, async (context, given) => {
    const input = await inputOf(context, given, {
      route,
      flags,
      fields: positionals.map(({ field }) => field),
    });
    await print(context, spec, await call(context, route, input));
    await spec.tell?.(context, given.args[0] ?? '');
    return 0;
  });
  for (const { syntax } of positionals) command.argument(syntax);
  for (const flag of flags) command.addOption(optionOf(flag));
  return command;
};

const routeOf = ({ route: id }: RouteCommand) => {
  const found = ROUTES.find((route) => route.id === id);
  // `RouteCommand.route` is a RouteId, and every RouteId comes from ROUTES.
  return found as NonNullable<typeof found>;
};

const optionOf = (flag: Flag): Option => {
  const meaning = [...(flag.required ? ['needed'] : []), ...(flag.meaning === '' ? [] : [flag.meaning])];
  const option = new Option(flag.syntax, meaning.join('; '));
  if (flag.choices !== undefined) option.choices([...flag.choices]);
  return option.makeOptionMandatory(flag.required);
};

interface Shape {
  readonly route: RouteShape;
  readonly flags: readonly Flag[];
  readonly fields: readonly string[];
}

const inputOf = async (context: Context, given: Given, { route, flags, fields }: Shape): Promise<Row> => {
  const input: Record<string, unknown> = {};
  for (const [index, field] of fields.entries())
    input[field] =
      field === 'repositories'
        ? given.args.slice(index).map((source) => ({ source: sourceOf(context.world.cwd, source) }))
        : given.args[index];
  for (const flag of flags) {
    const value = given.options[optionOf(flag).attributeName()];
    if (value !== undefined) input[flag.field] = flag.isSwitch ? true : flag.read(String(value));
  }
  return withWorkspaceId(context, route, input);
};

/** Relative paths are the user's; the server needs absolute ones. */
const sourceOf = (cwd: string, source: string) =>
  existsSync(resolve(cwd, source)) ? resolve(cwd, source) : source;

/** A workspace may be given by name. */
const withWorkspaceId = async ({ client }: Context, route: RouteShape, input: Row): Promise<Row> => {
  const field = route.id.startsWith('workspace.') ? 'id' : 'workspaceId';
  const named = text(input[field]);
  return named === undefined ? input : { ...input, [field]: await workspaceIdOf(client, named) };
};

const call = ({ client }: Context, route: RouteShape, input: Row): Promise<unknown> => {
  const [noun = '', verb = ''] = route.id.split('.');
  // The client has a method for every route; which one is only known at run time.
  const nouns = client as unknown as Readonly<
    Record<string, Record<string, (input: Row) => Promise<unknown>>>
  >;
  const method = nouns[PLURALS[noun as keyof typeof PLURALS]]?.[verb];
  return method === undefined ? Promise.reject(new TypeError(`no method for ${route.id}`)) : method(input);
};

const print = async (context: Context, { columns, spoken }: RouteCommand, result: unknown): Promise<void> => {
  const { output } = context;
  // Every response in the contract is text or an object.
  const record = (typeof result === 'string' ? { text: result } : result) as Row;
  const rows = columns === undefined || !Array.isArray(record.rows) ? [record] : (record.rows as Row[]);
  if (output.isJson) for (const row of rows) output.json(row);
  else if (typeof result === 'string') output.text(result);
  else if (columns === undefined) output.facts((await spoken?.(record, context)) ?? record);
  else output.table(await Promise.all(rows.map((row) => spoken?.(row, context) ?? row)), columns);
  if (record.next !== undefined && !output.isJson) output.line(`more: --after ${String(record.next)}`);
};
