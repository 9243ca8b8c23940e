/** Explains why git could not read a source, and how to fix it. */
import type { Source } from './source.ts';

const NO_REPOSITORY = 'does not appear to be a git repository';

/** A permanent error. */
export const isNoSource = ({ kind }: Pick<Source, 'kind'>, said: string): boolean =>
  kind === 'path' && said.includes(NO_REPOSITORY);

/**
 * @param said git's own message, used when no better explanation is known
 */
export const whyUnreachable = (source: Pick<Source, 'kind' | 'address'>, said: string): string => {
  if (said.includes('dubious ownership')) {
    return `it belongs to another user. Run \`git config --global --add safe.directory ${source.address}\` as the server's user.`;
  }
  if (said.includes('terminal prompts disabled') || said.includes('could not read Username')) {
    return "it requires a login. Set up a git credential helper for the server's user.";
  }
  if (said.includes('Authentication failed')) {
    return "its login was rejected. Fix the credentials in the git credential helper of the server's user.";
  }
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/.test(said)) {
    return "the host key is unknown. Connect to it once with ssh as the server's user.";
  }
  if (said.includes('Permission denied (')) {
    return "ssh has no key that the host accepts. Set one up for the server's user.";
  }
  if (said.includes('Operation too slow')) {
    return 'it stopped responding in the middle of a transfer. Try again later.';
  }
  if (source.kind === 'path' && said.includes(NO_REPOSITORY)) {
    return 'the folder is not the top level of a git repository.';
  }
  return said;
};
