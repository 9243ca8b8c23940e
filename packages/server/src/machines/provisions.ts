/**
 * What every sandbox gets from this machine beyond the driver's own: the URLs of the package registries that its user
 * has configured, the certificates they are trusted by, and toolchains outside the system folders. Determined once,
 * at start-up. None of it is secret: URLs are stripped of credentials, and only the programs and libraries of a
 * toolchain are exposed.
 */
import { homedir } from 'node:os';
import type { Isolation } from '@berth/contract';
import type { MachineSpec } from '@berth/plugin-api';
import { type Certificates, findCertificates } from './certificates.ts';
import { findToolchains, type Toolchains } from './toolchains.ts';

export interface Provisions {
  /** The specification with these added. Its own values take precedence. */
  added(spec: MachineSpec, isolation: Isolation): MachineSpec;
}

export interface ProvisionSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The variables that name package registries, with URLs that contain no credentials. */
  readonly registries: Readonly<Record<string, string>>;
  /** The user's own when absent. */
  readonly home?: string | undefined;
  /** The Node that runs the server. */
  readonly execPath: string;
}

export const findProvisions = async (sources: ProvisionSources): Promise<Provisions> => {
  const { env, execPath, registries, home = env.HOME ?? homedir() } = sources;
  const certificates = await findCertificates(env);
  const toolchains = await findToolchains({ path: env.PATH ?? '', home, execPath });
  return { added: (spec, isolation) => adding({ registries, certificates, toolchains }, spec, isolation) };
};

interface Found {
  readonly registries: Readonly<Record<string, string>>;
  readonly certificates: Certificates;
  readonly toolchains: Toolchains;
}

const adding = (found: Found, spec: MachineSpec, isolation: Isolation): MachineSpec => {
  const { registries, certificates, toolchains } = found;
  // Without isolation everything is visible where it is.
  if (isolation === 'none') return { ...spec, env: { ...registries, ...certificates.outside, ...spec.env } };
  // An image brings its own programs, possibly for another system than ours.
  const { tools, path } = spec.image === undefined ? toolchains : { tools: [], path: [] };
  return {
    ...spec,
    env: { ...registries, ...certificates.inside, ...spec.env },
    tools: [...certificates.tools, ...tools, ...spec.tools],
    path: [...(spec.path ?? []), ...path],
  };
};
