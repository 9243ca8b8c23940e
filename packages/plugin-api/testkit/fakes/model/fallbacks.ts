/** Fallback for agents without such a tool: a patch, or a shell command. */
import type { Verb } from './script.ts';

/** In the envelope of the `apply_patch` tool, which supports only whole lines; undefined for anything else. */
export const asPatch = (call: Verb): string | undefined => {
  if (call.do === 'write')
    return `*** Begin Patch\n*** Add File: ${call.path}\n${signed(call.content, '+')}\n*** End Patch`;
  if (call.do === 'edit' && call.old.endsWith('\n') && call.new.endsWith('\n'))
    return `*** Begin Patch\n*** Update File: ${call.path}\n@@\n${signed(call.old, '-')}\n${signed(call.new, '+')}\n*** End Patch`;
  return undefined;
};

export const asShell = (call: Verb): string => {
  switch (call.do) {
    case 'write':
      return `mkdir -p "$(dirname ${quoted(call.path)})" && printf %s ${quoted(call.content)} > ${quoted(call.path)}`;
    case 'edit':
      return `perl -0pi -e 'BEGIN{($o,$n)=splice @ARGV,0,2} s/\\Q$o\\E/$n/' ${quoted(call.old)} ${quoted(call.new)} ${quoted(call.path)}`;
    case 'read':
      return `cat ${quoted(call.path)}`;
    case 'bash':
      return call.command;
  }
};

const signed = (text: string, sign: '+' | '-'): string =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => sign + line)
    .join('\n');

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
