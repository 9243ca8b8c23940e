/** Says in plain words why git could not read a source, and what helps. */
import type { Source } from './source.ts';

const NO_REPOSITORY = 'does not appear to be a git repository';

/** Nothing that comes later makes it one that can be imported. */
export const isNoSource = ({ kind }: Pick<Source, 'kind'>, said: string): boolean =>
  kind === 'path' && said.includes(NO_REPOSITORY);

/** @param said git's own words, which are the answer when nothing better is known */
export const whyUnreachable = (source: Pick<Source, 'kind' | 'address'>, said: string): string => {
  if (said.includes('dubious ownership')) {
    return `it belongs to another user. Run \`git config --global --add safe.directory ${source.address}\` as the user of the server.`;
  }
  if (said.includes('terminal prompts disabled') || said.includes('could not read Username')) {
    return 'it needs a login. Set up a git credential helper for the user of the server.';
  }
  if (said.includes('Authentication failed')) {
    return "its login was refused. Correct what git's credential helper gives to the user of the server.";
  }
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/.test(said)) {
    return 'the host is not among the known ones. Connect to it once by ssh as the user of the server.';
  }
  if (said.includes('Permission denied (')) {
    return 'ssh has no key that the host accepts. Give the user of the server one.';
  }
  if (said.includes('Operation too slow')) {
    return 'it fell silent in the middle of an answer. Try again when it answers.';
  }
  if (source.kind === 'path' && said.includes(NO_REPOSITORY)) {
    return 'the folder is not the top of a git repository.';
  }
  return said;
};
