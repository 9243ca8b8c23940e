/**
 * Maps an abstract verb to a call of a tool the agent offers, by filling that tool's schema. An agent without such a
 * tool gets a patch (`apply_patch`), or else a shell command.
 */
import { isAbsolute, join } from 'node:path';
import { BerthError } from '@berth/contract';
import { asPatch, asShell } from './fallbacks.ts';
import { fillSchema } from './schema.ts';
import type { ScriptedCall, Verb } from './script.ts';
import { list, type OfferedTool, record, type ToolCall } from './wire.ts';

const TOOLS_BY_VERB: Readonly<Record<Verb['do'], readonly string[]>> = {
  write: ['write', 'write_file', 'create_file', 'write_to_file', 'file_write', 'editor'],
  edit: ['edit', 'replace', 'edit_file', 'str_replace', 'replace_in_file', 'multiedit', 'editor'],
  read: ['read', 'read_file', 'view', 'file_read', 'read_files'],
  bash: [
    'bash',
    'run_shell_command',
    'exec_command',
    'shell_command',
    'shell',
    'execute_command',
    'run_commands',
    'run_command',
    'terminal',
  ],
};

export interface Offer {
  readonly tools: readonly OfferedTool[];
  /** The agent's working folder; some agents insist on absolute paths. */
  readonly cwd: string | undefined;
}

export const toolCall = (scripted: ScriptedCall, offer: Offer, id: string): ToolCall => {
  const call = withFolder(scripted, offer.cwd);
  if ('name' in call) return { id, name: call.name, kind: 'json', args: record(call.args) };
  const tool = findTool(TOOLS_BY_VERB[call.do], offer.tools);
  if (tool !== undefined)
    return { id, name: tool.name, kind: 'json', args: fillSchema(tool.schema, valuesOf(call, offer.cwd)) };
  if (call.do === 'bash') throw noTool(call.do, offer.tools);
  return patchCall(call, offer.tools, id) ?? toolCall({ do: 'bash', command: asShell(call) }, offer, id);
};

const patchCall = (call: Verb, tools: readonly OfferedTool[], id: string): ToolCall | undefined => {
  const tool = tools.find((offered) => offered.name === 'apply_patch');
  const patch = asPatch(call);
  if (tool === undefined || patch === undefined) return undefined;
  if (tool.freeform) return { id, name: tool.name, kind: 'freeform', input: patch };
  const key = Object.keys(record(tool.schema.properties))[0] ?? 'input';
  return { id, name: tool.name, kind: 'json', args: { [key]: patch } };
};

const findTool = (names: readonly string[], tools: readonly OfferedTool[]): OfferedTool | undefined =>
  names
    .map((name) => tools.find((tool) => tool.name.toLowerCase() === name && !tool.freeform))
    .find((tool) => tool !== undefined);

const valuesOf = (call: Verb, cwd: string | undefined): Record<string, string> => {
  const { do: _, ...values } = call;
  if (!('path' in values) || cwd === undefined || isAbsolute(values.path)) return values;
  return { ...values, path: join(cwd, values.path) };
};

/** `{{cwd}}` in any string of a call stands for the working folder. */
const withFolder = (call: ScriptedCall, cwd: string | undefined): ScriptedCall =>
  replaceDeep(call, cwd ?? '.') as ScriptedCall; // strings are replaced by strings, so the shape stays

const replaceDeep = (value: unknown, cwd: string): unknown => {
  if (typeof value === 'string') return value.replaceAll('{{cwd}}', cwd);
  if (Array.isArray(value)) return list(value).map((one) => replaceDeep(one, cwd));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaceDeep(one, cwd)]));
};

const noTool = (verb: string, tools: readonly OfferedTool[]): BerthError =>
  new BerthError({
    code: 'script.no_tool',
    kind: 'invalid',
    message: `No tool for "${verb}" is offered; offered are ${tools.map((tool) => tool.name).join(', ')}.`,
  });
