import { driverConformance } from '@berth/plugin-api/conformance';
import { driverHost } from '../../../testing/driver-host.ts';
import { killOnHost } from '../../../testing/kill-machine.ts';
import host from './index.ts';

driverConformance(host, { config: {}, host: driverHost, kill: killOnHost, saysVerdict: true });
