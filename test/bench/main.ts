/** `npm run bench -- [job|driver|api|api-etcd] [rounds]`: what it costs, as a table of medians. */

import { benchApi, benchApiOnEtcd } from './api/bench-api.ts';
import { benchDriver } from './driver/bench-driver.ts';
import { benchJob } from './job.ts';
import { Table } from './table.ts';

const benches = {
  job: { run: benchJob, reference: 'real Kubernetes' },
  api: { run: benchApi, reference: 'kube-apiserver, etcd' },
  'api-etcd': { run: benchApiOnEtcd, reference: 'kube-apiserver, etcd' },
  driver: { run: benchDriver, reference: 'csi-driver-host-path' },
} as const;

const [first = 'job', second] = process.argv.slice(2);
const name = /^\d+$/.test(first) ? 'job' : first;
const rounds = Number(/^\d+$/.test(first) ? first : (second ?? 5));
const bench = benches[name as keyof typeof benches];
if (!bench || !(rounds >= 1)) {
  process.stderr.write(`bench: there is ${Object.keys(benches).join(', ')}; e.g. npm run bench -- driver 3\n`);
  process.exit(2);
}
const table = new Table(bench.reference);
await bench.run(table, rounds);
table.print();
