/**
 * Certificate bundles that the operator's programs trust through a variable. Those in the system's folder are visible
 * inside every sandbox without an image; one that is elsewhere is exposed, and its variable names its path inside.
 */
import { createHash } from 'node:crypto';
import { constants, open, realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { ToolMount } from '@berth/plugin-api';

const VARIABLES = [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'CURL_CA_BUNDLE',
  'CARGO_HTTP_CAINFO',
  'GIT_SSL_CAINFO',
] as const;
const SYSTEM_FOLDER = /^\/(etc\/ssl\/certs|usr)\//;
const SHOWN_AT = '/opt/berth/certificates';

export interface Certificates {
  /** The variables as they are set here. */
  readonly outside: Readonly<Record<string, string>>;
  /** The variables as they are set in a sandbox that sees `tools`. */
  readonly inside: Readonly<Record<string, string>>;
  readonly tools: readonly ToolMount[];
}

/** A variable that names no readable file is ignored, as most programs do. */
export const findCertificates = async (
  env: Readonly<Record<string, string | undefined>>,
): Promise<Certificates> => {
  const outside: Record<string, string> = {};
  const inside: Record<string, string> = {};
  const tools = new Map<string, ToolMount>();
  for (const name of VARIABLES) {
    const file = env[name];
    const source = file === undefined || !isAbsolute(file) ? undefined : await readableFile(file);
    if (file === undefined || source === undefined) continue;
    outside[name] = file;
    const target = SYSTEM_FOLDER.test(file)
      ? file
      : `${SHOWN_AT}/${createHash('sha256').update(source).digest('hex').slice(0, 12)}.pem`;
    inside[name] = target;
    if (target !== file) tools.set(target, { source, target });
  }
  return { outside, inside, tools: [...tools.values()] };
};

/** The bundle of everything that systems trust is a quarter of this. */
const MAX_BUNDLE_BYTES = 2 ** 20;

/**
 * Its path with links resolved, if it is a file that everybody may read, as a certificate is, and that contains no
 * key.
 */
const readableFile = async (file: string): Promise<string | undefined> => {
  try {
    const source = await realpath(file);
    await using bundle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await bundle.stat();
    if (!stats.isFile() || (stats.mode & 0o004) === 0 || stats.size > MAX_BUNDLE_BYTES) return undefined;
    return (await bundle.readFile('latin1')).includes('PRIVATE KEY') ? undefined : source;
  } catch {
    return undefined; // absent, or not readable by us
  }
};
