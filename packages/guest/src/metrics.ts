/** What the machine uses now: its control group as far as it can be read from inside. */
import { readdirSync } from 'node:fs';
import type { SandboxMetrics } from '@berth/contract';
import {
  readCpuSeconds,
  readMemoryBytes,
  readMemoryLimitBytes,
  readOutOfMemoryKills,
  readProcesses,
} from './cgroup.ts';

export const readMetrics = (): SandboxMetrics => {
  const values = {
    cpuSeconds: readCpuSeconds(),
    memoryBytes: readMemoryBytes(),
    memoryLimitBytes: readMemoryLimitBytes(),
    processes: readProcesses() ?? countProcesses(),
    outOfMemoryKills: readOutOfMemoryKills(),
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(known), uptimeMs: Math.round(process.uptime() * 1000) };
};

const countProcesses = (): number => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
