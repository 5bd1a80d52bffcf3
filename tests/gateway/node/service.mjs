// A service at the gateway in plain Node, written by the protocol alone.
//   node service.mjs SOCKET NAME NEXT-SERVICE
import net from "node:net";

const [socketPath, name, next] = process.argv.slice(2);
const socket = net.connect(socketPath);
const pending = new Map();
let ids = 0;

function send(message) {
  const body = Buffer.from(JSON.stringify({ timestamp: Date.now(), ...message }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

function request(message) {
  const id = `n${++ids}`;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    send({ ...message, id });
  });
}

const methods = {
  // Asks the next service with the context of its own call, and tells what it saw.
  async relay(params, context) {
    const below = await request({
      type: "CALL", from: name, to: next, method: "end", params, context,
    });
    return { seen: context, below };
  },
  async fail() {
    throw Object.assign(new Error("no such user: Zoë 🚲"), { code: "USER_NOT_FOUND" });
  },
  async echo(params) {
    return params;
  },
};

async function handle(message) {
  if (message.type === "CALL") {
    const answer = { type: "RESPONSE", id: message.id, from: name, to: message.from };
    try {
      const data = await methods[message.method](message.params, message.context);
      send({ ...answer, status: "success", data });
    } catch (error) {
      send({ ...answer, status: "error", error: { code: error.code ?? "METHOD_FAILED", message: error.message } });
    }
  } else if (message.type === "RESPONSE") {
    const waiting = pending.get(message.id);
    pending.delete(message.id);
    if (message.status === "success") waiting?.resolve(message.data);
    else waiting?.reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
  }
}

let buffer = Buffer.alloc(0);
socket.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  while (buffer.length >= 4) {
    const length = buffer.readUInt32BE(0);
    if (buffer.length < 4 + length) break;
    handle(JSON.parse(buffer.subarray(4, 4 + length)));
    buffer = buffer.subarray(4 + length);
  }
});
socket.on("close", () => process.exit(0));
await request({ type: "REGISTER", serviceName: name, methods: Object.keys(methods), version: "1.0" });
