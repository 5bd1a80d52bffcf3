import net from "node:net";
import { wire } from "./wire.mjs";

const order = {
  id: 123456789,
  customer: "customer-0123456789",
  lines: Array.from({ length: 14 }, (_, n) => ({
    article: `article-${String(n).padStart(6, "0")}`, quantity: n + 1, price: 9.5 + n, in_stock: n % 2 === 0,
  })),
};
const waiting = new Map();
let ids = 0;
const send = wire(net.connect(process.argv[2]), (message) => {
  const resolve = waiting.get(message.id);
  waiting.delete(message.id);
  resolve?.(message);
});
function request(message) {
  const id = String(++ids);
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    send({ ...message, id });
  });
}
async function forAWhile(inFlight, ms) {
  const start = performance.now();
  let count = 0;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() - start < ms) {
      await request({ type: "CALL", to: "service", method: "echo", params: order });
      count += 1;
    }
  }));
  return (count / (performance.now() - start)) * 1000;
}
await request({ type: "REGISTER", serviceName: "caller", methods: [] });
for (const inFlight of [1, 64]) {
  await forAWhile(inFlight, 500);
  const rate = await forAWhile(inFlight, 3000);
  console.log(`${String(inFlight).padStart(4)} in flight ${rate.toFixed(0).padStart(10)} calls/s ${((1e6 / rate) * inFlight).toFixed(1).padStart(8)} µs`);
}
process.exit(0);
