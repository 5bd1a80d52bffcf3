// A hub of the same protocol in Node: registry, routing, answers.
import net from "node:net";
import { wire } from "./wire.mjs";

const services = new Map();
const pending = new Map();
let ids = 0;

net.createServer((socket) => {
  let name;
  const send = wire(socket, (message) => {
    switch (message.type) {
      case "REGISTER":
        name = message.serviceName;
        services.set(name, { send, methods: message.methods });
        send({ type: "RESPONSE", id: message.id, status: "success", data: { registered: true } });
        break;
      case "CALL": {
        const id = String(++ids);
        pending.set(id, { send, id: message.id });
        services.get(message.to).send({ ...message, id, from: name });
        break;
      }
      case "RESPONSE": {
        const call = pending.get(message.id);
        pending.delete(message.id);
        call.send({ ...message, id: call.id });
        break;
      }
      case "HEARTBEAT":
        send({ type: "HEARTBEAT", id: message.id });
    }
  });
  socket.on("close", () => services.delete(name));
}).listen(process.argv[2]);
