/** This server's version, which is its package's. */
import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
