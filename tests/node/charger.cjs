// A charger on ocpp-rpc, 1.6J, 2.0.1 or 2.1: node charger.cjs URL IDENTITY PASSWORD VERSION. It checks every frame against the
// schemas of the standard, charges a vehicle with what it is limited to (2.1: or feeds back, as its set-point says), writes a
// line for each call, and ends when its limit is taken away.
const { createValidator, RPCClient } = require('ocpp-rpc');
const schemas21 = require('ocpp-rpc/lib/schemas/ocpp2_1.json');

const [endpoint, identity, password, version] = process.argv.slice(2);
const old = version === 'ocpp1.6';
const now = () => new Date().toISOString();
// Its schemas of 2.1 have other names than those by which it looks for them.
const renamed = schemas21.map((one) => ({ ...one, $id: one.$id.replace(/Request$/, '.req').replace(/Response$/, '.conf') }));
const strictModeValidators = version === 'ocpp2.1' ? [createValidator(version, renamed)] : [];
const client = new RPCClient({
    endpoint, identity, password, protocols: [version], strictMode: true, strictModeValidators, reconnect: false,
});
let transaction = old ? undefined : 'tx-1';
let seqNo = 0;
let limited;

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
    const sampledValue = [
        { value: 1500 },
        { value: Math.max(power_w, 0), measurand: 'Power.Active.Import' },
        { value: Math.max(-power_w, 0), measurand: 'Power.Active.Export' },
    ];
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
    limited = old ? params.csChargingProfiles.chargingProfileId : params.chargingProfile.id;
    const schedule = old ? params.csChargingProfiles.chargingSchedule : params.chargingProfile.chargingSchedule[0];
    const { limit, setpoint } = schedule.chargingSchedulePeriod[0];
    setImmediate(() => meter(setpoint ?? limit * 230));
    return accepted();
});
handle('ClearChargingProfile', ({ id, chargingProfileId }) => {
    if (limited !== (id ?? chargingProfileId)) return { status: 'Unknown' };
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
    if (version === 'ocpp2.1') {
        const v2xChargingParameters = { maxChargePower: 7360, maxDischargePower: 5000, targetSoC: 80 };
        const chargingNeeds = { requestedEnergyTransfer: 'AC_BPT', departureTime: now(), v2xChargingParameters };
        await client.call('NotifyEVChargingNeeds', { evseId: 1, chargingNeeds });
    }
}

main().catch((error) => {
    console.log(JSON.stringify(['failed', String(error)]));
    process.exit(1);
});
