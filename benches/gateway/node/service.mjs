import net from "node:net";
import { wire } from "./wire.mjs";

const send = wire(net.connect(process.argv[2]), (message) => {
  if (message.type === "CALL") {
    send({ type: "RESPONSE", id: message.id, status: "success", data: message.params });
  }
});
send({ type: "REGISTER", id: "r", serviceName: "service", methods: ["echo"] });
