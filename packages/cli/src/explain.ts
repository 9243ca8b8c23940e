/** Translates server errors to the terms of the command line: flags and arguments, and where a token came from. */
import { BerthError, ERRORS, fail, isBerthError } from '@berth/contract';
import type { Command } from 'commander';
import type { Connection } from './connection.ts';
import { dashed } from './derive.ts';
import { ROUTE_COMMANDS } from './route-commands.ts';

export const explained = (error: unknown, command: Command, connection: Connection): unknown => {
  if (!isBerthError(error)) return error;
  if (error.code === 'request.invalid') return invalidIn(command, error);
  if (error.code === 'record.missing') return missing(error);
  return error.code === 'auth.required' ? refusedToken(connection, error) : error;
};

/** Adds the command that lists existing records. */
const missing = (error: BerthError): BerthError => {
  const { noun } = ERRORS['record.missing'].data.parse(error.details);
  if (!ROUTE_COMMANDS.some((one) => one.noun === noun && one.verb === 'list')) return error;
  const { message, details, code, kind } = error;
  const hint = `\`berth ${noun} list\` lists them.`;
  return new BerthError({ code, kind, message, details, hint }, { cause: error });
};

const invalidIn = (command: Command, error: BerthError): BerthError => {
  const { issues } = ERRORS['request.invalid'].data.parse(error.details);
  const { message, details, code, kind } = fail('request.invalid', {
    issues: issues.map(({ path, message }) => ({ path: fieldNameOf(command, path), message })),
  });
  const hint = `\`${nameOf(command)} --help\` shows its options.`;
  return new BerthError({ code, kind, message, details, hint }, { cause: error });
};

/** Fields that have another name on the command line. */
const ALIASES: Readonly<Record<string, string>> = { argv: 'command', afterSeq: 'after' };

/** `params.id` is `<id>`, `body.limits.cpus` is `--limits cpus`; anything else is left as it is. */
const fieldNameOf = (command: Command, path: string): string => {
  const [, field, rest = ''] = /^(?:params|query|body)\.(\w+)(.*)$/.exec(path) ?? [];
  if (field === undefined) return path;
  const name = ALIASES[field] ?? dashed(field);
  const argument = command.registeredArguments.find((one) => [field, name].includes(one.name()));
  const option = command.options.find(({ long }) => long === `--${name}`);
  const place = argument === undefined ? option?.long : `<${argument.name()}>`;
  if (place === undefined || place === null) return path;
  return rest === '' ? place : `${place} ${rest.replace(/^\./, '')}`;
};

const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

const NEW_TOKEN = 'an owner creates one with `berth token create <name> --role operator`';

const refusedToken = ({ address, token, tokenFrom, home }: Connection, error: BerthError): BerthError => {
  const { code, kind, details } = error;
  const told = (message: string, hint: string) =>
    new BerthError({ code, kind, message, details, hint }, { cause: error });
  if (tokenFrom === undefined)
    return told(
      `No token was sent to ${address}.`,
      `Set BERTH_TOKEN to a token of that server; ${NEW_TOKEN}.`,
    );
  if (tokenFrom === 'BERTH_TOKEN')
    return told(
      `The server at ${address} rejects the token in BERTH_TOKEN: it was revoked, has expired, or belongs to another server.`,
      `Unset BERTH_TOKEN to use the owner token of the server in ${home}, or set it to a valid token; ${NEW_TOKEN}.`,
    );
  if (token === undefined)
    return told(
      `There is no token for the server at ${address}: ${tokenFrom} does not exist or cannot be read.`,
      `Point \`--home\` or BERTH_HOME at that server's home, or set BERTH_TOKEN; ${NEW_TOKEN}.`,
    );
  return told(
    `The server at ${address} rejects the token in ${tokenFrom}.`,
    `That file belongs to another server, or its token was revoked: point \`--home\` or BERTH_HOME at the home of the server that answers, or set BERTH_TOKEN; ${NEW_TOKEN}.`,
  );
};
