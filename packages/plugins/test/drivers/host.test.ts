import { driverConformance } from '@berth/plugin-api/conformance';
import host from '../../src/drivers/host/index.ts';
import { driverHost } from '../../testing/driver-host.ts';
import { killOnHost } from '../../testing/kill-machine.ts';

driverConformance(host, { config: {}, host: driverHost, kill: killOnHost, saysVerdict: true });
