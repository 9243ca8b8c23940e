/** A suite that must fail: its gaps name a case that passes and one that does not exist. Run by `gaps.test.ts`. */
import { driverConformance } from '@berth/plugin-api/conformance';
import memory from '../src/drivers/memory.ts';
import { driverHost } from './driver-host.ts';
import { killInMemory } from './kill-machine.ts';

driverConformance(memory, {
  config: {},
  host: driverHost,
  kill: killInMemory,
  saysVerdict: true,
  gaps: [
    { title: 'attach of an unknown id finds nothing', why: 'mended since' },
    { title: 'machines can fly', why: 'no case says so' },
  ],
});
