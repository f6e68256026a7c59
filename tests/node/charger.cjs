// A charger on ocpp-rpc, 1.6J or 2.0.1: node charger.cjs URL IDENTITY PASSWORD VERSION. It checks every frame against the
// schemas of the standard, charges a vehicle with what it is limited to, writes a line for each call, and ends when its
// limit is taken away.
const { RPCClient } = require('ocpp-rpc');

const [endpoint, identity, password, version] = process.argv.slice(2);
const old = version === 'ocpp1.6';
const now = () => new Date().toISOString();
const client = new RPCClient({ endpoint, identity, password, protocols: [version], strictMode: true, reconnect: false });
let transaction = old ? undefined : 'tx-1';
let seqNo = 0;

client.on('strictValidationFailure', ({ error }) => {
    console.log(JSON.stringify(['invalid', String(error)]));
});
client.on('close', () => process.exit(0));

async function meter(power_w) {
    if (old) {
        const sampledValue = [
            { value: '1500' },
            { value: String(power_w), measurand: 'Power.Active.Import', unit: 'W' },
        ];
        const meterValue = [{ timestamp: now(), sampledValue }];
        return client.call('MeterValues', { connectorId: 1, transactionId: transaction, meterValue });
    }
    const sampledValue = [{ value: 1500 }, { value: power_w, measurand: 'Power.Active.Import' }];
    return client.call('TransactionEvent', {
        eventType: seqNo ? 'Updated' : 'Started', timestamp: now(), triggerReason: 'MeterValuePeriodic', seqNo: seqNo++,
        transactionInfo: { transactionId: transaction, chargingState: 'Charging' },
        ...(seqNo > 1 ? {} : { evse: { id: 1 } }),
        meterValue: [{ timestamp: now(), sampledValue }],
    });
}

function handle(method, answer) {
    client.handle(method, ({ params }) => {
        console.log(JSON.stringify([method, params]));
        return answer(params);
    });
}

const accepted = () => ({ status: 'Accepted' });
handle('ChangeConfiguration', accepted);
handle('TriggerMessage', accepted);
handle('SetVariables', ({ setVariableData }) => ({
    setVariableResult: setVariableData.map(({ component, variable }) => ({ attributeStatus: 'Accepted', component, variable })),
}));
handle('SetChargingProfile', (params) => {
    const schedule = old ? params.csChargingProfiles.chargingSchedule : params.chargingProfile.chargingSchedule[0];
    setImmediate(() => meter(schedule.chargingSchedulePeriod[0].limit * 230));
    return accepted();
});
handle('ClearChargingProfile', () => {
    setTimeout(() => client.close(), 100);
    return accepted();
});

async function main() {
    await client.connect();
    if (old) {
        await client.call('BootNotification', { chargePointVendor: 'v', chargePointModel: 'm' });
        await client.call('StatusNotification', { connectorId: 0, errorCode: 'NoError', status: 'Available' });
        await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
        const begun = { connectorId: 1, idTag: 'tag', meterStart: 1500, timestamp: now() };
        transaction = (await client.call('StartTransaction', begun)).transactionId;
    } else {
        await client.call('BootNotification', { reason: 'PowerUp', chargingStation: { model: 'm', vendorName: 'v' } });
        const status = { timestamp: now(), connectorStatus: 'Occupied', evseId: 1, connectorId: 1 };
        await client.call('StatusNotification', status);
    }
    await meter(7360);
}

main().catch((error) => {
    console.log(JSON.stringify(['failed', String(error)]));
    process.exit(1);
});
