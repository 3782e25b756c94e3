/** What hosts are measured against: a thread or a process that sends back what it is sent, and does nothing else. */
import { parentPort } from 'node:worker_threads';

if (parentPort) {
  const port = parentPort;
  port.on('message', (message) => port.postMessage(message));
} else {
  process.on('message', (message) => process.send!(message));
  process.on('disconnect', () => process.exit());
}
